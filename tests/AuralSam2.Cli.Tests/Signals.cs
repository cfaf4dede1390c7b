namespace AuralSam2.Cli.Tests;

/// <summary>Whether signals reach the processes that tests start.</summary>
internal static class Signals
{
    /// <summary>A shell's background jobs ignore Ctrl-C, and their children inherit that.</summary>
    public static void SkipWhereInterruptsAreIgnored()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("no signals here");
        if (!File.Exists("/proc/self/status")) return;
        var ignored = File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim();
        if ((Convert.ToUInt64(ignored, 16) & 2) != 0) Assert.Skip("this process was started with interrupts ignored");
    }
}
