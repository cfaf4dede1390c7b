using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;

namespace AuralSam2.Cli;

/// <summary>The <c>aural</c> command: its verbs, its help and its errors.</summary>
internal static class AuralCommand
{
    /// <summary>Version of this build.</summary>
    public static string Version { get; } =
        typeof(AuralCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Runs a command line from parsing to exit code; throws nothing.</summary>
    public static int Run(string[] args, IEngine engine, CommandStreams streams, CancellationToken cancellation)
    {
        try
        {
            return Invoke(args, engine, streams, cancellation);
        }
        catch (Exception error)
        {
            return Failures.Report(error, streams, cancellation.IsCancellationRequested);
        }
    }

    private static int Invoke(string[] args, IEngine engine, CommandStreams streams, CancellationToken cancellation)
    {
        var parsed = Root(engine, streams, cancellation).Parse(args);
        if (parsed.Errors.Count > 0 && args.Length > 0)
            throw new UsageException(string.Join(" ", parsed.Errors.Select(e => e.Message).Distinct()));
        // Interrupts are Program's: the work must end before its partial output can be removed.
        var code = (args.Length > 0 ? parsed : Root(engine, streams, cancellation).Parse("--help")).Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = streams.Out,
            Error = streams.Error,
        });
        return args.Length > 0 ? code : ExitCode.WrongUsage;
    }

    private static RootCommand Root(IEngine engine, CommandStreams streams, CancellationToken cancellation)
    {
        var root = new RootCommand(
            """
            Cuts out the object that makes the sound, frame by frame.

            AuralSAM2 (SAM2 prompted by sound) on an engine written in C#: no Python, no libtorch, no GPU needed.
            """);
        root.Subcommands.Add(new SegmentCommand(engine, streams, cancellation));
        root.Subcommands.Add(new VerifyCommand(engine, streams, cancellation));
        root.Subcommands.Add(new DevicesCommand(engine, streams));
        AddExamples(root, "aural segment --demo", "aural segment --video drums.mp4 --weights auralsam2_t.safetensors", "aural devices");
        AddExamples(
            root.Subcommands[0],
            "aural segment --demo",
            "aural segment --video drums.mp4 --fps 5 --weights auralsam2_t.safetensors --out drums",
            "aural segment --frames frames/ --audio sound.wav --weights sam2.1_hiera_b+.safetensors fuser.safetensors --model b+",
            "aural segment --video drums.mp4 --weights rule --json | jq .timings");
        AddExamples(root.Subcommands[1], "aural verify fixtures/*.safetensors", "aural verify encoder_t.safetensors --all --threads 1");
        AddExamples(root.Subcommands[2], "aural devices", "aural devices --json");
        return root;
    }

    private static void AddExamples(Command command, params string[] examples)
    {
        var help = command.Options.OfType<HelpOption>().SingleOrDefault();
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpThenExamples((SynchronousCommandLineAction)help.Action!, examples);
    }

    private sealed class HelpThenExamples(SynchronousCommandLineAction help, string[] examples) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine(examples.Length == 1 ? "Example:" : "Examples:");
            foreach (var example in examples) output.WriteLine($"  {example}");
            output.WriteLine();
            output.WriteLine("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not supported (verify), 130 interrupted.");
            return code;
        }
    }
}
