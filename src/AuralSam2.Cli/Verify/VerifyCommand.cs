using System.CommandLine;
using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Verification;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary><c>aural verify</c>: can this machine's results be trusted?</summary>
internal sealed class VerifyCommand : Command
{
    private const int WorstStages = 5;

    private readonly IEngine engine;
    private readonly CommandStreams streams;
    private readonly CancellationToken cancellation;

    public VerifyCommand(IEngine engine, CommandStreams streams, CancellationToken cancellation)
        : base("verify", "Recomputes fixtures on this machine and compares every stage with the recorded values.")
    {
        this.engine = engine;
        this.streams = streams;
        this.cancellation = cancellation;
        var files = new Argument<string[]>("FILE")
        {
            Description = "Fixtures (.safetensors), recognised by their metadata.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var training = new Option<bool>("--training")
        {
            Description =
                "Prove that training works: every gradient, the losses of each step, a run that is saved and goes on. Wants fixtures of kind training.",
        };
        var device = SharedOptions.Device();
        var threads = SharedOptions.Threads();
        var all = new Option<bool>("--all") { Description = $"List every stage, not only the {WorstStages} worst of each file." };
        var json = SharedOptions.Json();
        Arguments.Add(files);
        Options.Add(training);
        Options.Add(all);
        Options.Add(device);
        Options.Add(threads);
        Options.Add(json);
        SetAction(parsed =>
        {
            var (given, provesTraining) = (parsed.GetValue(files)!, parsed.GetValue(training));
            if (given.Length == 0)
            {
                throw new UsageException(provesTraining
                    ? "--training wants a FILE: a recorded training, such as tests/Goldens/h_train_mini_avs.safetensors of the source"
                    : "verify what? Give a FILE or more: fixtures (.safetensors)");
            }

            using var chosen = ChosenDevice.Open(engine, streams, parsed.GetValue(device)!, SharedOptions.ThreadsOf(parsed, threads));
            return Verify(given, chosen, provesTraining, parsed.GetValue(all), parsed.GetValue(json));
        });
    }

    private int Verify(string[] files, ChosenDevice chosen, bool training, bool all, bool json)
    {
        var reports = new List<FixtureReport>();
        foreach (var file in files)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!json) streams.Error.WriteLine($"verifying {file} ...");
            var report = Verify(file, chosen.Device, training);
            reports.Add(report);
            if (json) continue;
            if (report.Message is not null) streams.Error.WriteLine($"aural: {Named(report)}");
            else if (training) TrainingProof.Print(streams.OutConsole(), report, all);
            else Print(report, all);
        }

        if (json) streams.Out.WriteLine(JsonSerializer.Serialize(VerifyDocument.Of(chosen, reports), ResultJson.Of.VerifyDocument));
        else PrintSummary(chosen, reports);
        return ExitCodeOf(reports);
    }

    /// <summary>A file that cannot be read is a verdict like any other: the files after it are verified all the same.</summary>
    private FixtureReport Verify(string file, Device device, bool training)
    {
        if (!File.Exists(file)) return Unreadable("no such file");
        try
        {
            return training ? engine.VerifyTraining(file, device, cancellation) : engine.Verify(file, device, cancellation);
        }
        catch (Exception error) when (Engine.NamesItsFix(error) || error is IOException or UnauthorizedAccessException)
        {
            return Unreadable(Failures.OneLine(error.Message));
        }

        FixtureReport Unreadable(string reason) => new(file, "", "", FixtureVerdict.Unreadable, [], [], 0, reason);
    }

    private static int ExitCodeOf(List<FixtureReport> reports) =>
        reports.Any(r => r.Verdict is FixtureVerdict.Failed or FixtureVerdict.Unreadable) ? ExitCode.Failed
        : reports.Any(r => r.Verdict is FixtureVerdict.Unsupported) ? ExitCode.NotSupported
        : ExitCode.Done;

    private void Print(FixtureReport report, bool all)
    {
        var stages = all ? report.Stages : [.. report.Stages.OrderByDescending(s => s.Used).Take(WorstStages)];
        var table = new Table().RoundedBorder()
            .Title($"{Markup.Escape(Path.GetFileName(report.File))}  ({report.Kind}, {report.Model})")
            .AddColumn(all ? "stage" : $"worst of {report.Stages.Count} stages")
            .AddColumn(new TableColumn("error").RightAligned().NoWrap())
            .AddColumn(new TableColumn("budget").RightAligned().NoWrap())
            .AddColumn(new TableColumn("used").RightAligned().NoWrap())
            .AddColumn(new TableColumn("undecided").RightAligned().NoWrap())
            .AddColumn("");
        foreach (var s in stages)
        {
            table.AddRow(
                Markup.Escape(s.Stage), $"{s.Error:0.0e+00}", $"{s.Budget:0.0e+00}", $"{100 * s.Used:0} %",
                s.Undecided == 0 ? "" : $"{s.Undecided}", s.Passed ? "[green]within[/]" : "[red]OVER[/]");
        }

        streams.OutConsole().Write(table);
    }

    private void PrintSummary(ChosenDevice chosen, List<FixtureReport> reports)
    {
        var within = reports.Count(r => r.Verdict is FixtureVerdict.Passed);
        var stages = reports.Sum(r => r.Stages.Count);
        streams.Out.WriteLine(ChosenDevice.Line(chosen.Device.Name, chosen.Note));
        streams.Out.WriteLine($"{within} of {reports.Count} files within budget ({stages} stages compared)");
        foreach (var r in reports.Where(r => r.Verdict is not FixtureVerdict.Passed))
            streams.Out.WriteLine($"  {VerifyDocument.Word(r.Verdict)}: {Named(r)}");
        var notCompared = reports.Where(r => r.Verdict is not FixtureVerdict.Unsupported).Sum(r => r.NotCompared.Count);
        if (notCompared > 0) streams.Out.WriteLine($"  {notCompared} stages of the fixtures were not compared");
        var pixels = reports.Sum(r => r.UndecidedPixels);
        if (pixels > 0)
        {
            var spared = reports.Sum(r => r.Stages.Sum(s => s.Undecided));
            streams.Out.WriteLine(
                $"  {pixels} mask pixels lie within 1e-4 of the threshold; {spared} values downstream of them are over budget and excused");
        }
    }

    /// <summary>File and reason; most messages name the file themselves.</summary>
    private static string Named(FixtureReport report) =>
        report.Message is null ? report.File
        : report.Message.Contains(report.File, StringComparison.Ordinal) ? report.Message
        : $"{report.File}: {report.Message}";
}

/// <summary>What <c>aural verify --json</c> prints.</summary>
internal sealed record VerifyDocument(
    string Tool, string Version, string Device, string? DeviceNote, IReadOnlyList<VerifyDocument.Fixture> Files)
{
    public static VerifyDocument Of(ChosenDevice chosen, IEnumerable<FixtureReport> reports) =>
        new("aural", AuralCommand.Version, chosen.Device.Name, chosen.Note, [.. reports.Select(r => new Fixture(
            r.File, r.Kind, r.Model, Word(r.Verdict), r.Message,
            [.. r.Stages.Select(s => new Stage(s.Stage, Finite(s.Error), s.Budget, s.Values, s.Undecided, s.Passed))],
            r.NotCompared, r.UndecidedPixels))]);

    /// <summary>JSON has no infinity.</summary>
    private static double Finite(double error) => double.IsFinite(error) ? error : double.MaxValue;

    /// <summary>The verdict as people and scripts read it.</summary>
    public static string Word(FixtureVerdict verdict) => verdict switch
    {
        FixtureVerdict.Passed => "within budget",
        FixtureVerdict.Failed => "over budget",
        FixtureVerdict.Unreadable => "unreadable",
        _ => "not supported",
    };

    internal sealed record Fixture(
        string File, string Kind, string Model, string Verdict, string? Reason,
        IReadOnlyList<Stage> Stages, IReadOnlyList<string> NotCompared, long UndecidedPixels);

    internal sealed record Stage(string Name, double RelativeError, double Budget, long Values, long Undecided, bool Within);
}
