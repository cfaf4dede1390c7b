using AuralSam2.Kernels;
using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>How a command ends.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int NotSupported = 3;
    public const int Interrupted = 130;
}

/// <summary>A command line that makes no sense. The message is one line that says what to write instead.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Turns whatever went wrong into one line and an exit code.</summary>
internal static class Failures
{
    /// <summary>Set to 1 to see where an error came from.</summary>
    private const string TraceVariable = "AURAL_TRACE";

    /// <summary>Prints the line for an error.</summary>
    /// <param name="error">What went wrong.</param>
    /// <param name="streams">The line goes to the error stream.</param>
    /// <param name="verb">The verb that was typed, whose help a confused person wants; empty when there was none.</param>
    /// <param name="interrupted">True when the person asked to stop; what fails then fails because of it.</param>
    /// <returns>Exit code.</returns>
    public static int Report(Exception error, CommandStreams streams, string verb, bool interrupted)
    {
        var (line, code) = interrupted
            ? (verb switch
            {
                "segment" or "track" => "interrupted; no result was written",
                "convert" => "interrupted; no file was written",
                "train" => "interrupted before a step was done; nothing has changed",
                _ => "interrupted",
            }, ExitCode.Interrupted)
            : Describe(error);
        if (code == ExitCode.WrongUsage) line = $"{line} (aural {verb}{(verb.Length > 0 ? " " : "")}--help shows how)";
        streams.Error.WriteLine($"aural: {OneLine(line)}");
        if (Environment.GetEnvironmentVariable(TraceVariable) == "1") streams.Error.WriteLine(error);
        return code;
    }

    private static (string Line, int Code) Describe(Exception error) => error switch
    {
        UsageException => (error.Message, ExitCode.WrongUsage),
        MediaException => (error.Message, ExitCode.Failed),
        _ when Engine.NamesItsFix(error) => (error.Message, ExitCode.Failed),
        DeviceException => (WithProcessor(error.Message), ExitCode.Failed),
        NotSupportedException when TakesTheProcessor(error.Message) => (error.Message, ExitCode.Failed), // an op has no kernel there
        OutOfMemoryException => ("out of memory; try a smaller model (--model t), a lower --fps or a smaller --window", ExitCode.Failed),
        UnauthorizedAccessException => ($"{error.Message} Check the permissions.", ExitCode.Failed),
        IOException => (error.Message, ExitCode.Failed),
        // Parallel loops wrap what their bodies throw.
        AggregateException when error.InnerException is { } inner => Describe(inner),
        _ => ($"internal error: {error.GetType().Name}: {error.Message} (set {TraceVariable}=1 to see where)", ExitCode.Failed),
    };

    /// <summary>What always helps when a GPU does not, unless the message says it already.</summary>
    private static string WithProcessor(string message) => TakesTheProcessor(message) ? message : $"{message}; use --device cpu";

    private static bool TakesTheProcessor(string message) => message.Contains("--device cpu", StringComparison.Ordinal);

    /// <summary>Joins the lines of a message.</summary>
    public static string OneLine(string text) =>
        string.Join("; ", text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
}
