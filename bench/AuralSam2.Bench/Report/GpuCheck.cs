using System.Globalization;
using System.Text.Json;
using AuralSam2.Bench.Checks;
using AuralSam2.Bench.Ops;
using AuralSam2.Bench.Parts;

namespace AuralSam2.Bench.Report;

/// <summary>One step of <c>tools/gpu-check.sh</c>.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Seconds">Wall time.</param>
/// <param name="ExitCode">Of its program; 124 or 137 where it ran out of time.</param>
/// <param name="LogTail">The end of what it printed, where it did not pass.</param>
internal sealed record StepResult(string Name, double Seconds, int ExitCode, IReadOnlyList<string>? LogTail)
{
    private const int TailLines = 20;

    /// <summary>A verdict in a word or two.</summary>
    public string Verdict => ExitCode switch
    {
        0 => "passed",
        124 or 137 => "out of time",
        _ => $"failed ({ExitCode})",
    };

    /// <summary>Reads <c>steps.tsv</c> (name, seconds, exit code) and the logs beside it.</summary>
    public static StepResult[] ReadAll(string folder) =>
    [
        .. File.ReadLines(Path.Combine(folder, "steps.tsv")).Select(line => line.Split('\t')).Select(f => new StepResult(
            f[0], double.Parse(f[1], CultureInfo.InvariantCulture),
            int.Parse(f[2], CultureInfo.InvariantCulture), f[2] == "0" ? null : Tail(Path.Combine(folder, $"{f[0]}.log")))),
    ];

    private static string[]? Tail(string log) => File.Exists(log) ? [.. File.ReadLines(log).TakeLast(TailLines)] : null;
}

/// <summary>What <c>aural verify --json</c> said of one fixture.</summary>
internal sealed record VerifiedFile(string File, string Kind, string Model, string Verdict, string? Reason, IReadOnlyList<VerifiedStage> Stages)
{
    /// <summary>The stage that used the most of its budget.</summary>
    public VerifiedStage? Worst => Stages.MaxBy(s => s.RelativeError / s.Budget);
}

/// <summary>One stage of a fixture.</summary>
internal sealed record VerifiedStage(string Name, double RelativeError, double Budget, bool Within);

/// <summary>What <c>aural verify --json</c> prints.</summary>
internal sealed record VerifiedFiles(string Device, IReadOnlyList<VerifiedFile> Files);

/// <summary>What <c>bench/torch/ops.py</c> or <c>trunks.py</c> measured.</summary>
internal sealed record TorchReport(string Torch, string? Cuda, string Device, IReadOnlyList<TorchRow> Cases)
{
    /// <summary>The row of a case of ours; parts of the model have no op.</summary>
    public TorchRow? Of(string op, string label) => Cases.FirstOrDefault(c => c.Op == op && c.Label == label);
}

/// <summary>One case in PyTorch.</summary>
/// <param name="Op">The op.</param>
/// <param name="Label">The case.</param>
/// <param name="Ms">Milliseconds, median of the fastest way.</param>
/// <param name="How">Which way that was.</param>
/// <param name="Difference">How far its result is from ours, relative to the norm.</param>
/// <param name="Error">Why nothing was measured.</param>
internal sealed record TorchRow(string Op, string Label, double? Ms, string? How, double? Difference, string? Error)
{
    private const double MostDifference = 1e-3;

    /// <summary>A race over another course is none.</summary>
    public bool ComputesTheSame => Difference <= MostDifference;

    /// <summary>Three cells of a table: its time, over ours, and how it was written; or why there is nothing to compare.</summary>
    public static string Cells(TorchRow? row, double? oursMs) => row switch
    {
        { Ms: { } ms, ComputesTheSame: true } => string.Create(CultureInfo.InvariantCulture, $" {ms:0.0000} | {ms / oursMs:0.00} | {row.How} |"),
        { Ms: not null } => string.Create(CultureInfo.InvariantCulture, $" | | not the same result: {row.Difference:0.0e+00} apart |"),
        _ => $" | | {row?.Error?.Replace("|", "\\|", StringComparison.Ordinal)} |",
    };
}

/// <summary>Everything that one run of <c>tools/gpu-check.sh</c> found out.</summary>
/// <param name="Date">When, UTC.</param>
/// <param name="Machine">What the machine says about itself, in the order in which it was asked.</param>
/// <param name="Steps">What was done.</param>
internal sealed record GpuCheck(string Date, IReadOnlyDictionary<string, string> Machine, IReadOnlyList<StepResult> Steps)
{
    public ChecksReport? CheckOps { get; init; }

    public VerifiedFiles? Verify { get; init; }

    public OpsReport? Ops { get; init; }

    public PartsReport? Parts { get; init; }

    public TorchReport? Torch { get; init; }

    public TorchReport? TorchTrunks { get; init; }

    /// <summary>Gathers what the steps left in a folder.</summary>
    public static GpuCheck Gather(string folder)
    {
        T? Read<T>(string step)
            where T : class => JsonFile.Read<T>(Path.Combine(folder, $"{step}.json"));
        var machine = File.ReadLines(Path.Combine(folder, "machine.tsv")).Select(line => line.Split('\t', 2)).Where(f => f.Length == 2);
        return new GpuCheck(
            DateTime.UtcNow.ToString("u", CultureInfo.InvariantCulture),
            machine.ToDictionary(f => f[0], f => f[1].Trim()),
            StepResult.ReadAll(folder))
        {
            CheckOps = Read<ChecksReport>("check-ops"),
            Verify = Read<VerifiedFiles>("verify"),
            Ops = Read<OpsReport>("ops"),
            Parts = Read<PartsReport>("parts"),
            Torch = Read<TorchReport>("torch-ops"),
            TorchTrunks = Read<TorchReport>("torch-trunks"),
        };
    }

    /// <summary>The JSON file. Operands are left out: labels say the same.</summary>
    public string ToJson()
    {
        var document = JsonSerializer.SerializeToNode(this, JsonFile.Options)!;
        foreach (var row in document["ops"]?["cases"]?.AsArray() ?? []) row!.AsObject().Remove("operands");
        return document.ToJsonString(JsonFile.Options) + "\n";
    }
}
