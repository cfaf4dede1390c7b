using System.Globalization;
using System.Text;

namespace AuralSam2.Bench.Race;

/// <summary>A recorded race as people read it: the whole of it, and README's part.</summary>
internal static class RaceMarkdown
{
    private const string Begin = "<!-- numbers: written by `bench readme` from bench/results -->";
    private const string End = "<!-- end of numbers -->";

    /// <summary>The file beside <c>race.json</c>.</summary>
    public static string Page(RaceReport race)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {Title(race)}\n\n{Conditions(race)}\n\n");
        if (Mean("Parts of the model", race.Parts) is { } parts) text.Append("* ").Append(parts).Append('\n');
        if (Mean("Ops at the model's shapes", race.Ops) is { } ops) text.Append("* ").Append(ops).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"\n## Behind TorchSharp\n\n");
        var behind = race.Behind.ToArray();
        if (behind.Length == 0) text.Append("Nothing.\n");
        foreach (var r in behind) text.Append(CultureInfo.InvariantCulture, $"* {r.Ratio:0.00}: {r.Name}, {r.Shape}\n");
        Section("Parts of the model", race.Parts, "of peak", r => Percent(r.PercentOfPeak));
        Section("Ops", race.Ops, "of peak | GB/s", r => $"{Percent(r.PercentOfPeak)} | {Number(r.GbS, "0.0")}");
        return text.ToString();

        void Section(string title, IEnumerable<RaceRecord> records, string more, Func<RaceRecord, string> cells)
        {
            var rows = records.ToArray();
            if (rows.Length == 0) return;
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| | | ours ms | TorchSharp | fast path ");
            text.Append(CultureInfo.InvariantCulture, $"| bf16 | ratio | GFLOP/s | {more} | difference | |\n");
            text.Append("|---|---|--:|--:|--:|--:|--:|--:|").Append(string.Concat(more.Split('|').Select(_ => "--:|"))).Append("--:|---|\n");
            foreach (var r in rows)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {r.Name} | {r.Shape} | {Ms(r.OursMs)} | {Ms(r.TorchsharpMs)} | {Ms(r.TorchsharpFastMs)} ");
                text.Append(CultureInfo.InvariantCulture, $"| {Ms(r.TorchsharpBf16Ms)} | {Number(r.Ratio, "0.00")} | {Number(r.Gflops, "0")} | {cells(r)} ");
                text.Append(CultureInfo.InvariantCulture, $"| {Number(r.MaxAbsDiff, "0.0e+00")} | {r.Note} |\n");
            }
        }
    }

    /// <summary>README with its numbers from recorded races.</summary>
    /// <exception cref="FormatException">README has no such place.</exception>
    public static string Readme(string readme, IEnumerable<RaceReport> races)
    {
        int from = readme.IndexOf(Begin, StringComparison.Ordinal), to = readme.IndexOf(End, StringComparison.Ordinal);
        if (from < 0 || to < from) throw new FormatException($"README has no lines '{Begin}' and '{End}' for the numbers");
        return $"{readme[..from]}{Begin}\n{string.Join('\n', races.Select(Numbers))}{readme[to..]}";
    }

    /// <summary>Recorded races, machine by machine.</summary>
    /// <param name="results">The folder <c>bench/results</c>.</param>
    public static IEnumerable<string> Recorded(string results) =>
        Directory.EnumerateFiles(results, "race.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private static string Numbers(RaceReport race)
    {
        var text = new StringBuilder(Conditions(race));
        text.Append("\n\n| 1024 x 1024, float32 | ours ms | TorchSharp ms | MKL fast path ms | ratio | bf16 trunk ms | of FMA peak |\n");
        text.Append("|---|--:|--:|--:|--:|--:|--:|\n");
        foreach (var r in race.Parts)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {r.Name} | **{Ms(r.OursMs)}** | {Ms(r.TorchsharpMs)} | {Ms(r.TorchsharpFastMs)} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Number(r.Ratio, "0.00")} | {Ms(r.TorchsharpBf16Ms)} | {Percent(r.PercentOfPeak)} |\n");
        }

        if (Mean("Ops at the model's shapes", race.Ops) is { } ops) text.Append('\n').Append(ops).Append('\n');
        return text.ToString();
    }

    private static string Title(RaceReport race) =>
        string.Create(CultureInfo.InvariantCulture, $"{race.Machine.Cpu} ({race.Machine.Isa}), {race.Machine.Processors} processors");

    private static string Conditions(RaceReport race)
    {
        var peer = race.Versions.Torchsharp is { } version ? $", TorchSharp {version} (libtorch {race.Versions.Libtorch})" : "";
        var limits = race.Records.Count == 0
            ? ""
            : string.Create(
                CultureInfo.InvariantCulture,
                $" {race.Records.Max(r => r.Threads)} threads; FMA peak {race.Records.Max(r => r.FmaPeakGflops):0} GFLOP/s, measured in the same run.");
        return $"{Title(race)}, {race.Machine.Os}, {race.Date}:\nAuralSam2.Kernels {race.Versions.Auralsam2}, .NET {race.Versions.Dotnet}{peer}.\n" +
            $"Medians of interleaved rounds in one run,{limits}\n" +
            "*Ratio*: the faster of TorchSharp's two float32 configurations over ours.";
    }

    private static string? Mean(string what, IEnumerable<RaceRecord> records)
    {
        var raced = records.Where(r => r.Ratio is not null).ToArray();
        return RaceReport.MeanRatio(raced) is not { } mean
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: ahead in {raced.Count(r => r.Ratio >= 1)} of {raced.Length}, ratio {mean:0.00} in the geometric mean.");
    }

    /// <summary>Three digits.</summary>
    private static string Ms(double? value) =>
        Number(value, value switch { < 0.1 => "0.0000", < 1 => "0.000", < 10 => "0.00", < 100 => "0.0", _ => "0" });

    private static string Percent(double? value) => value is null ? "" : Number(value, "0") + " %";

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
