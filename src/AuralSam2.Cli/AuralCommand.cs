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
        var verb = "";
        try
        {
            var root = Root(engine, streams, cancellation);
            verb = args.Length > 0 && root.Subcommands.Any(c => c.Name == args[0]) ? args[0] : "";
            return Invoke(root.Parse(args), streams);
        }
        catch (Exception error)
        {
            return Failures.Report(error, streams, verb, cancellation.IsCancellationRequested);
        }
    }

    private static int Invoke(ParseResult parsed, CommandStreams streams)
    {
        if (parsed.Errors.Count > 0) throw new UsageException(string.Join(" ", parsed.Errors.Select(e => e.Message).Distinct()));
        return parsed.Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // interrupts are Program's: the work must end before its partial output can go
            Output = streams.Out,
            Error = streams.Error,
        });
    }

    private static RootCommand Root(IEngine engine, CommandStreams streams, CancellationToken cancellation)
    {
        var root = new RootCommand(
            """
            Cuts out the object that makes the sound, frame by frame.

            AuralSAM2 (SAM2 prompted by sound) on an engine written in C#: no Python, no libtorch, no GPU needed.
            """);
        root.SetAction(parsed =>
        {
            root.Parse("--help").Invoke(parsed.InvocationConfiguration);
            return ExitCode.WrongUsage;
        });
        foreach (var verb in Verbs(engine, streams, cancellation)) root.Subcommands.Add(verb);
        root.Subcommands.Add(new ProfileCommand(engine, streams, watched => Verbs(watched, streams, cancellation)));
        AddExamples(
            root,
            "",
            "aural segment --demo",
            "aural segment --video drums.mp4 --weights sam2_hiera_large.pt vggish-10086976.pth auralsam2_avs_v1m.pth",
            "aural track --video dogs.mp4 --point 0,410,220,1 --weights sam2.1_hiera_tiny.pt",
            "aural inspect sam2_hiera_large.pt",
            "aural devices");
        AddExamples(
            Verb(root, "segment"),
            """
            Writes into the folder of --out:
              masks/00000.png ...     0 or 255 per pixel, at the size of the frames
              overlays/00000.png ...  the frames with their masks
              overview.png            everything at a glance, above the sound's spectrogram
              result.json             scores, boxes and timings

            """,
            "aural segment --demo",
            "aural segment --video drums.mp4 --weights sam2_hiera_large.pt vggish-10086976.pth auralsam2_avs_v1m.pth",
            "aural segment --frames frames/ --audio sound.wav --fps 5 --weights auralsam2_l.safetensors --out drums",
            "aural segment --video drums.mp4 --weights rule --json | jq .timings");
        AddExamples(
            Verb(root, "track"),
            """
            Writes into the folder of --out:
              masks/00000.png ...     object numbers per pixel, with the palette of DAVIS, at the size of the frames
              overlay.mp4             the clip with its masks (without ffmpeg: overlays/00000.png ...)
              timeline.png            every object over time, at a glance
              result.json             scores, boxes and timings

            """,
            "aural track --video dogs.mp4 --point 0,410,220,1 --weights sam2.1_hiera_tiny.pt",
            "aural track --frames frames/ --box 12,40,30,300,280 --reverse --weights sam2.1_hiera_tiny.pt --out dog",
            "aural track --video duo.mp4 --point 0,300,200,1,1 --point 0,310,20,0,1 --mask 0,second.png,2 --weights sam2.1_hiera_large.pt",
            "aural track --video drums.mp4 --point 0,300,200,1 --audio --weights sam2_hiera_large.pt vggish-10086976.pth auralsam2_avs_v1m.pth");
        AddExamples(
            Verb(root, "verify"),
            "",
            "aural verify fixtures/*.safetensors",
            "aural verify encoder_t.safetensors --all --device cuda:1",
            "aural verify --training tests/Goldens/h_train_mini_avs.safetensors");
        AddExamples(Verb(root, "devices"), "", "aural devices", "aural devices --json");
        AddExamples(Verb(root, "inspect"), "", "aural inspect vggish-10086976.pth", "aural inspect sam2_hiera_large.pt --json | jq .model");
        AddExamples(
            Verb(root, "convert"),
            "",
            "aural convert sam2_hiera_large.pt vggish-10086976.pth auralsam2_avs_v1m.pth auralsam2_l.safetensors",
            "aural convert sam2.1_hiera_tiny.pt tiny.safetensors --dtype bf16 --force");
        AddExamples(
            Verb(root, "train"),
            """
            Writes into the folder of --out:
              last.safetensors   everything that --resume goes on from; also weights for segment
              best.safetensors   the same, of the epoch with the best validation score
              log.jsonl          a line per step and per validation
              curves.png         losses and scores

            """,
            "aural train --data datasets --dataset v1m --weights sam2_hiera_large.pt vggish-10086976.pth --out runs/v1m",
            "aural train --resume --out runs/v1m",
            "aural segment --video drums.mp4 --weights sam2_hiera_large.pt vggish-10086976.pth runs/v1m/best.safetensors");
        AddExamples(
            Verb(root, "profile"),
            "",
            "aural profile segment --demo",
            "aural profile segment --demo --by module --depth 2",
            "aural profile --trace demo.trace.json --roofline demo.png segment --demo",
            "aural profile --json profile.json verify fixtures/*.safetensors");
        return root;
    }

    private static IEnumerable<Command> Verbs(IEngine engine, CommandStreams streams, CancellationToken cancellation) =>
    [
        new SegmentCommand(engine, streams, cancellation),
        new TrackCommand(engine, streams, cancellation),
        new TrainCommand(engine, streams, cancellation),
        new VerifyCommand(engine, streams, cancellation),
        new DevicesCommand(engine, streams),
        new InspectCommand(engine, streams),
        new ConvertCommand(engine, streams, cancellation),
    ];

    private static Command Verb(RootCommand root, string name) => root.Subcommands.Single(verb => verb.Name == name);

    private static void AddExamples(Command command, string notes, params string[] examples)
    {
        var help = command.Options.OfType<HelpOption>().SingleOrDefault();
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpThenExamples((SynchronousCommandLineAction)help.Action!, notes, examples);
    }

    private sealed class HelpThenExamples(SynchronousCommandLineAction help, string notes, string[] examples) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = help.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            if (notes.Length > 0) output.WriteLine(notes);
            output.WriteLine("Examples:");
            foreach (var example in examples) output.WriteLine($"  {example}");
            output.WriteLine();
            output.WriteLine("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not supported (verify), 130 interrupted.");
            return code;
        }
    }
}
