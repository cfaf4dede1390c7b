using System.Diagnostics;

namespace AuralSam2.Bench.Startup;

/// <summary>The <c>aural</c> command as people start it: a process of its own, every time anew.</summary>
/// <param name="program">The program to start.</param>
internal sealed class AuralProcess(string program)
{
    /// <summary>The program.</summary>
    public string Path => program;

    /// <summary>The program beside this one, as in a published folder, or that of the repository's Release build.</summary>
    /// <exception cref="InvalidOperationException">Neither is there.</exception>
    public static AuralProcess Find()
    {
        var name = OperatingSystem.IsWindows() ? "aural.exe" : "aural";
        var built = System.IO.Path.Combine("src", "AuralSam2.Cli", "bin", "Release", "net10.0", name);
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
        {
            string[] places = [System.IO.Path.Combine(folder, name), System.IO.Path.Combine(folder, built)];
            if (places.FirstOrDefault(File.Exists) is { } found) return new AuralProcess(found);
        }

        throw new InvalidOperationException("no aural is built; run dotnet build -c Release src/AuralSam2.Cli, or use --aural");
    }

    /// <summary>Starts it and waits for its end.</summary>
    /// <returns>Seconds from start to end as seen from outside, and what it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public (double Seconds, string Output) Run(params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(info)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors.Result.Trim()}");
        return (seconds, output);
    }
}
