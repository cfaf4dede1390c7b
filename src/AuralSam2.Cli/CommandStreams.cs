using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>Where a command writes: results to <paramref name="Out"/>, progress and errors to <paramref name="Error"/>.</summary>
internal sealed record CommandStreams(TextWriter Out, TextWriter Error, bool OutIsTerminal, bool ErrorIsTerminal)
{
    /// <summary>Columns of a table that goes into a pipe or a file.</summary>
    private const int PlainWidth = 110;

    /// <summary>The streams of this process.</summary>
    public static CommandStreams OfProcess => new(Console.Out, Console.Error, !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    /// <summary>Tables and colours on standard output; plain text when it is no terminal.</summary>
    public IAnsiConsole OutConsole() => ConsoleOn(Out, OutIsTerminal);

    /// <summary>The progress display's console on standard error.</summary>
    public IAnsiConsole ErrorConsole() => ConsoleOn(Error, ErrorIsTerminal);

    private static IAnsiConsole ConsoleOn(TextWriter writer, bool terminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = terminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = terminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        if (!terminal) console.Profile.Width = PlainWidth;
        return console;
    }
}
