using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using AuralSam2.Bench;

namespace AuralSam2.Ladder;

/// <summary>All ladders of a run.</summary>
internal sealed record LaddersReport(Machine Machine, IReadOnlyList<LadderReport> Ladders)
{
    /// <summary>Markdown for people.</summary>
    public string ToMarkdown() => string.Create(
        CultureInfo.InvariantCulture,
        $"# Ladders\n\n{Machine.Cpu}, {Machine.Isa}, {Machine.Processors} processors. Medians of interleaved rounds.\n\n") +
        string.Join("\n", Ladders.Select(ladder => ladder.ToMarkdown()));
}

/// <summary>What one ladder came to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Formula">What it computes.</param>
/// <param name="ShapeForm">What the numbers of the shape are.</param>
/// <param name="Shape">The shape that was timed.</param>
/// <param name="Threads">Threads of the rungs that have threads.</param>
/// <param name="Isa">Instruction set.</param>
/// <param name="FmaPeakGflops">Multiply-adds in registers on all threads, the better of before and after.</param>
/// <param name="Rungs">First to last.</param>
internal sealed record LadderReport(
    string Name, string Formula, string ShapeForm, string Shape, int Threads, string Isa, double FmaPeakGflops,
    IReadOnlyList<RungRow> Rungs)
{
    /// <summary>By so much another rung may be ahead of the last before it counts: with one thread some are almost the same code.</summary>
    private const double Noise = 1.03;

    /// <summary>Small shapes and few rounds: these times say nothing.</summary>
    public bool Quick { get; init; }

    /// <summary>What is wrong with the ladder; empty when nothing is.</summary>
    [JsonIgnore]
    public IEnumerable<string> Failures
    {
        get
        {
            foreach (var rung in Rungs.Where(r => !r.IsRight))
                yield return $"{Name} {rung.Number}, {rung.Title}: differs from the float64 reference";
            var fastest = Rungs.MinBy(r => r.BestMs)!;
            if (!Quick && Rungs[^1].BestMs > fastest.BestMs * Noise)
                yield return $"{Name} {fastest.Number}, {fastest.Title}: faster than the last rung; on a busy machine measure again";
        }
    }

    /// <summary>A table, and a sentence below each of its rows.</summary>
    public void Write(TextWriter writer)
    {
        writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: {Formula}, {ShapeForm} {Shape}; {Isa}, {Threads} thread(s), FMA peak {FmaPeakGflops:F0} GFLOP/s; medians"));
        writer.WriteLine($"    {"",-16}{"ms",10}{"GFLOP/s",10}{"of peak",9}{"speed-up",10}{"error",8}");
        foreach (var rung in Rungs)
        {
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{rung.Number,2}  {rung.Title,-16}{rung.Ms,10:F2}{rung.Gflops,10:F1}{100 * rung.OfPeak,8:F1}%") +
                $"{rung.SpeedUpText,10}{rung.ErrorText,8}");
            writer.WriteLine($"    {rung.Change}");
        }

        writer.WriteLine();
    }

    /// <summary>One section.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"## {Name}: {Formula}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{ShapeForm} {Shape}, {Isa}, {Threads} thread(s), ");
        text.Append(CultureInfo.InvariantCulture, $"FMA peak {FmaPeakGflops:F0} GFLOP/s.\n\n");
        text.Append("| | rung | GFLOP/s | of peak | speed-up | what changed |\n|--:|---|--:|--:|--:|---|\n");
        foreach (var r in Rungs)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {r.Number} | {r.Title} | {r.Gflops:F1} | {100 * r.OfPeak:F1} % | {r.SpeedUpText} | {r.Change} |\n");
        }

        return text.ToString();
    }
}

/// <summary>One rung.</summary>
internal sealed record RungRow(int Number, string Title, string Change)
{
    /// <summary>Milliseconds of a call, median of the rounds.</summary>
    public required double Ms { get; init; }

    /// <summary>Milliseconds of a call, fastest round.</summary>
    public required double BestMs { get; init; }

    public required double Gflops { get; init; }

    /// <summary>Share of the FMA peak of all threads, also for rungs that use one.</summary>
    public required double OfPeak { get; init; }

    /// <summary>Times faster than the rung before.</summary>
    public double? SpeedUp { get; init; }

    /// <summary>Share of the error budget that is used; absent where values are missing.</summary>
    public double? ErrorOfBudget { get; init; }

    /// <summary>Whether every value was within the budget.</summary>
    public required bool IsRight { get; init; }

    [JsonIgnore]
    public string SpeedUpText => SpeedUp is { } times ? times.ToString("F2", CultureInfo.InvariantCulture) + "x" : "";

    [JsonIgnore]
    public string ErrorText => !IsRight ? "WRONG" : (100 * ErrorOfBudget)?.ToString("F0", CultureInfo.InvariantCulture) + "%";
}
