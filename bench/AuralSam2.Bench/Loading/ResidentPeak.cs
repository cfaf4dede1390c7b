using System.Globalization;

namespace AuralSam2.Bench.Loading;

/// <summary>Peak of the memory that is resident for this process: heap, runtime, and the pages of mapped files.</summary>
internal static class ResidentPeak
{
    private const string Counters = "/proc/self/clear_refs";

    /// <summary>Starts a new peak from what is resident now; false where only Linux could.</summary>
    public static bool Restart()
    {
        if (!OperatingSystem.IsLinux()) return false;
        File.WriteAllText(Counters, "5"); // proc(5): resets VmHWM
        return true;
    }

    /// <summary>Bytes, since <see cref="Restart"/>.</summary>
    public static long Bytes()
    {
        var line = File.ReadLines("/proc/self/status").First(text => text.StartsWith("VmHWM:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.AsSpan(6).TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
    }
}
