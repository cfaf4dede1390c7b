using System.CommandLine;

namespace AuralSam2.Cli;

/// <summary>Options that several verbs share.</summary>
internal static class SharedOptions
{
    private const int MostThreads = 1024;

    public static Option<int> Threads() =>
        new("--threads") { Description = "Threads that share the work; 0 takes one per processor. Results do not depend on it.", HelpName = "N" };

    public static Option<bool> Json() => new("--json") { Description = "Print exactly one JSON document on standard output." };

    /// <exception cref="UsageException">Out of range.</exception>
    public static int ThreadsOf(ParseResult parsed, Option<int> option) => parsed.GetValue(option) switch
    {
        < 0 or > MostThreads => throw new UsageException($"--threads wants 0 .. {MostThreads}"),
        var threads => threads,
    };
}
