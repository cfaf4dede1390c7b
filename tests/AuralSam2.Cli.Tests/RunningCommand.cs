using System.Collections.Concurrent;
using System.Diagnostics;

namespace AuralSam2.Cli.Tests;

/// <summary>The built command while it runs as a process of its own.</summary>
internal sealed class RunningCommand : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process process;
    private readonly Task<string> output;
    private readonly Task reading;
    private readonly BlockingCollection<string> errorLines = [];
    private readonly List<string> error = [];

    /// <summary>Starts it.</summary>
    /// <param name="folder">Its working directory.</param>
    /// <param name="environment">Variables that differ from this process's.</param>
    /// <param name="args">Arguments.</param>
    public RunningCommand(string folder, Dictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "aural.dll"), .. args])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        process = Process.Start(start)!;
        output = process.StandardOutput.ReadToEndAsync();
        // A thread of its own: where tests crowd the pool, a line must not be seen long after it was written.
        reading = Task.Factory.StartNew(
            () =>
            {
                while (process.StandardError.ReadLine() is { } line) errorLines.Add(line);
                errorLines.CompleteAdding();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    /// <summary>Waits until a line of the error stream begins with a word.</summary>
    public void WaitFor(string word)
    {
        while (errorLines.TryTake(out var line, Patience))
        {
            error.Add(line);
            if (line.StartsWith(word, StringComparison.Ordinal)) return;
        }

        Assert.Fail($"no line '{word}...' among: {string.Join(" | ", error)}");
    }

    /// <summary>Sends a signal: INT is what Ctrl-C sends.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end.</summary>
    public CommandRun End()
    {
        Assert.True(process.WaitForExit(Patience), "the command does not end");
        reading.Wait();
        error.AddRange(errorLines);
        return new CommandRun(process.ExitCode, output.Result, string.Concat(error.Select(line => line + "\n")));
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.Dispose();
        errorLines.Dispose();
    }
}
