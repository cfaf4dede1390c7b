using System.Text.Json.Serialization;

namespace AuralSam2.Bench.Race;

/// <summary>
/// One thing that was raced, in a form that needs no other record to be understood: medians of interleaved rounds, in milliseconds. In JSON the
/// names are in snake_case; what was not measured is null.
/// </summary>
/// <param name="Name">The op, or the part of the model.</param>
/// <param name="Shape">The case of the op; the size of the image, for a part.</param>
internal sealed record RaceRecord(string Name, string Shape)
{
    /// <summary>This engine.</summary>
    public double? OursMs { get; init; }

    /// <summary>TorchSharp as its users get it, float32.</summary>
    public double? TorchsharpMs { get; init; }

    /// <summary>TorchSharp with MKL's fast code paths, float32.</summary>
    public double? TorchsharpFastMs { get; init; }

    /// <summary>TorchSharp in bfloat16, in the faster of the two configurations; trunks only. Ours is float32 all the same.</summary>
    public double? TorchsharpBf16Ms { get; init; }

    /// <summary>The faster of TorchSharp's two float32 configurations over ours: above 1 this engine is ahead.</summary>
    public double? Ratio => Math.Min(TorchsharpMs ?? double.NaN, TorchsharpFastMs ?? double.NaN) is var best && double.IsNaN(best)
        ? (TorchsharpMs ?? TorchsharpFastMs) / OursMs
        : best / OursMs;

    /// <summary>Fastest rounds: what a quiet machine would show.</summary>
    public double? OursBestMs { get; init; }

    public double? TorchsharpBestMs { get; init; }

    public double? TorchsharpFastBestMs { get; init; }

    public double? TorchsharpBf16BestMs { get; init; }

    /// <summary>How the peer's op is written, where there are several good ways.</summary>
    public string? TorchsharpWay { get; init; }

    /// <summary>10^9 operations of a run, a multiply-add as two.</summary>
    public double? Gflop { get; init; }

    /// <summary>10^9 operations per second of this engine.</summary>
    public double? Gflops => Gflop / OursMs * 1e3;

    /// <summary>10^9 bytes that a run must read and write at least once.</summary>
    public double? Gb { get; init; }

    /// <summary>10^9 of those bytes per second of this engine.</summary>
    public double? GbS => Gb / OursMs * 1e3;

    /// <summary>Share of the multiply-adds that this processor can do at best.</summary>
    public double? PercentOfPeak => 100 * Gflops / FmaPeakGflops;

    /// <summary>Share of the rate at which this machine copies memory; above 100 where operands stay in caches.</summary>
    public double? PercentOfCopy => 100 * GbS / CopyGbS;

    /// <summary>Largest difference between our results and either float32 configuration's.</summary>
    public double? MaxAbsDiff { get; init; }

    /// <summary>Largest of our results, for comparison.</summary>
    public double? MaxAbs { get; init; }

    /// <summary>Largest difference of the peer's results from the official implementation's, relative to each map's largest value.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? PeerFixtureDiff { get; init; }

    /// <summary>Threads of every side.</summary>
    public int Threads { get; init; }

    /// <summary>Measured rounds of every side.</summary>
    public int Rounds { get; init; }

    /// <summary>The processor's limits, measured in the same run.</summary>
    public double FmaPeakGflops { get; init; }

    public double CopyGbS { get; init; }

    /// <summary>Why something was not measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

    /// <summary>Whether it is an op of the registry.</summary>
    [JsonIgnore]
    public bool IsOp => Gb is not null;
}
