using System.Globalization;
using System.Text.Json.Serialization;

namespace AuralSam2.Bench.Parts;

/// <summary>What <c>parts</c> measured.</summary>
internal sealed record PartsReport(string Device, Roofline Roofline, Machine Machine, IReadOnlyList<PartRow> Parts);

/// <summary>One part.</summary>
internal sealed record PartRow(string Name)
{
    /// <summary>Milliseconds of a run, median.</summary>
    public double? Ms { get; init; }

    /// <summary>Milliseconds of the fastest run.</summary>
    public double? BestMs { get; init; }

    public int? Rounds { get; init; }

    /// <summary>10^9 floating-point operations that the ops of a run declare.</summary>
    public double? Gflop { get; init; }

    /// <summary>Share of the FMA peak.</summary>
    public double? OfFma { get; init; }

    /// <summary>What a trunk's feature maps come to, for peers.</summary>
    public ResultMark? Result { get; init; }

    /// <summary>Why nothing was measured.</summary>
    public string? Error { get; init; }

    [JsonIgnore]
    public double? Gflops => Gflop / Ms * 1e3;

    /// <summary>Heads the lines that <see cref="ToString"/> gives.</summary>
    public static string Header { get; } = $"{"part",-40}{"ms",10}{"best ms",10}{"GFLOP",10}{"GFLOP/s",10}{"of FMA",8}";

    /// <summary>A line of the table.</summary>
    public override string ToString() => Ms is null
        ? $"{Name,-40} {Error}"
        : string.Create(CultureInfo.InvariantCulture, $"{Name,-40}{Ms,10:F2}{BestMs,10:F2}{Gflop,10:F1}{Gflops,10:F0}{OfFma,8:P0}");
}
