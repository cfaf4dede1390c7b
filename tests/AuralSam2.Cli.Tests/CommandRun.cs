namespace AuralSam2.Cli.Tests;

/// <summary>What a command line printed and how it ended.</summary>
internal sealed record CommandRun(int Code, string Out, string Error)
{
    /// <summary>Lines of the error stream.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs inside this process, on an engine of the test's choice.</summary>
    public static CommandRun InProcess(IEngine engine, CancellationToken cancellation, params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = AuralCommand.Run(args, engine, new CommandStreams(output, error, OutIsTerminal: false, ErrorIsTerminal: false), cancellation);
        return new CommandRun(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs the built command as its own process, as a person does.</summary>
    public static CommandRun OfProcess(string folder, params string[] args)
    {
        using var command = new RunningCommand(folder, [], args);
        return command.End();
    }

    /// <summary>Asserts a foreseen failure: one line for a person, nothing on standard output, no stack trace.</summary>
    public CommandRun FailsWith(int code, params string[] words)
    {
        Assert.Equal((code, ""), (Code, Out));
        var line = Assert.Single(ErrorLines, l => l.StartsWith("aural: ", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("internal error", line, StringComparison.Ordinal);
        foreach (var word in words) Assert.Contains(word, line, StringComparison.Ordinal);
        return this;
    }
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("aural-test-").FullName;

    public string Path { get; }

    /// <summary>A path inside.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Names of everything inside, hidden entries too, sorted.</summary>
    public string[] Names => [.. Directory.EnumerateFileSystemEntries(Path).Select(e => System.IO.Path.GetFileName(e)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
