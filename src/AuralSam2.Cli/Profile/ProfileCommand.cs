using System.CommandLine;
using System.CommandLine.Invocation;
using System.Diagnostics;
using AuralSam2.Kernels;

namespace AuralSam2.Cli;

/// <summary><c>aural profile VERB ...</c>: runs a verb as it is, and says where the device's time went.</summary>
internal sealed class ProfileCommand : Command
{
    private const int DefaultLines = 25;

    private readonly CommandStreams streams;
    private readonly ProfilingEngine engine;

    private readonly Option<string> by = new("--by")
    {
        Description = "What a line stands for: an op with its shape, all shapes of an op, or all ops of a part of the model.",
        HelpName = "shape|op|module",
        DefaultValueFactory = _ => "shape",
        Recursive = true,
    };

    private readonly Option<int> depth = new("--depth")
    {
        Description = "With --by module: how many names of a path count, as in image_encoder.trunk for 2. [default: all]",
        HelpName = "N",
        Recursive = true,
    };

    private readonly Option<int> top = new("--top")
    {
        Description = "Lines of the table; 0 shows all. Files always hold all.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultLines,
        Recursive = true,
    };

    private readonly Option<string?> trace = File("--trace", "Write the time line: open it at ui.perfetto.dev or chrome://tracing.");
    private readonly Option<string?> json = File("--json", "Write the numbers as JSON. Give it before the verb, which may have a --json of its own.");
    private readonly Option<string?> csv = File("--csv", "Write the numbers as CSV.");
    private readonly Option<string?> roofline = File("--roofline", "Draw the ops below the device's measured limits, as PNG.");

    /// <summary>Makes the verb of the others.</summary>
    /// <param name="engine">What they run on.</param>
    /// <param name="streams">Where the table goes.</param>
    /// <param name="verbs">Makes the verbs anew, for a given engine.</param>
    public ProfileCommand(IEngine engine, CommandStreams streams, Func<IEngine, IEnumerable<Command>> verbs)
        : base("profile", "Runs another verb and shows where the time goes: per op and shape, or per part of the model.")
    {
        this.streams = streams;
        this.engine = new ProfilingEngine(engine);
        by.AcceptOnlyFromAmong("shape", "op", "module");
        foreach (var option in (Option[])[by, depth, top, trace, json, csv, roofline]) Options.Add(option);
        foreach (var verb in verbs(this.engine))
        {
            var run = (SynchronousCommandLineAction)verb.Action!;
            verb.SetAction(parsed => Profile(parsed, verb, run));
            Subcommands.Add(verb);
        }

        SetAction(int (_) => throw new UsageException(
            $"what to profile? Give one of {string.Join(", ", Subcommands.Select(c => c.Name))} and its arguments"));
    }

    private static Option<string?> File(string name, string description) =>
        new(name) { Description = description, HelpName = "FILE", Recursive = true };

    private int Profile(ParseResult parsed, Command verb, SynchronousCommandLineAction run)
    {
        if (parsed.GetValue(top) < 0) throw new UsageException("--top wants 0 or more");
        if (parsed.GetResult(depth) is not null && parsed.GetValue(depth) < 1) throw new UsageException("--depth wants at least 1");
        if (parsed.GetResult(depth) is not null && parsed.GetValue(by) != "module") throw new UsageException("--depth belongs to --by module");
        var files = new ProfileFiles(parsed.GetValue(trace), parsed.GetValue(json), parsed.GetValue(csv), parsed.GetValue(roofline));
        files.RequirePlaces();

        var start = Stopwatch.GetTimestamp();
        var code = run.Invoke(parsed);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds - engine.MeasuringSeconds;
        if (engine.DeviceName is not { } device || engine.Profile.Records.Count == 0)
            throw new UsageException($"aural {verb.Name} computed nothing on a device: there is nothing to profile");
        engine.MeasureAgain();

        var grouping = Enum.Parse<OpGrouping>(parsed.GetValue(by)!, ignoreCase: true);
        var groups = engine.Profile.By(grouping, parsed.GetValue(depth) is > 0 and var names ? names : int.MaxValue);
        var report = new ProfileReport(verb.Name, device, engine.Limits, seconds, grouping, groups);
        files.Write(report, engine.Trace);
        // A verb that prints one JSON document shares its stream with nobody.
        var isDocument = verb.Options.OfType<Option<bool>>().FirstOrDefault(o => o.Name == "--json") is { } own && parsed.GetValue(own);
        ProfileTable.Print(isDocument ? streams.ErrorConsole() : streams.OutConsole(), report, parsed.GetValue(top));
        return code;
    }
}
