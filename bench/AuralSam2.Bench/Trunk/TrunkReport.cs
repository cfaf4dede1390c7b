using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Trunk;

/// <summary>What a race measured. The JSON object has these properties in snake_case; what was not measured is absent.</summary>
internal sealed record TrunkReport
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
    };

    public required string Model { get; init; }

    public required int Threads { get; init; }

    /// <summary>Side of the image in pixels.</summary>
    public required int ImageSize { get; init; }

    public required int Rounds { get; init; }

    /// <summary>Data type of the peer; ours is always float32.</summary>
    public required string PeerType { get; init; }

    /// <summary>Median of one forward of this engine, in milliseconds.</summary>
    public double? OursMs { get; init; }

    /// <summary>Fastest forward of this engine: what a quiet machine would show.</summary>
    public double? OursBestMs { get; init; }

    /// <summary>Median of TorchSharp as its users get it.</summary>
    public double? TorchsharpMs { get; init; }

    public double? TorchsharpBestMs { get; init; }

    /// <summary>Median of TorchSharp with MKL's fast code paths.</summary>
    public double? TorchsharpFastMs { get; init; }

    public double? TorchsharpFastBestMs { get; init; }

    /// <summary>How many times faster this engine is than TorchSharp as installed.</summary>
    public double? Ratio => TorchsharpMs / OursMs;

    /// <summary>How many times faster this engine is than TorchSharp on MKL's fast code paths.</summary>
    public double? RatioFast => TorchsharpFastMs / OursMs;

    /// <summary>Largest difference between our feature maps and the peer's, over all four stages.</summary>
    public double? MaxAbsDiff { get; init; }

    /// <summary>Largest difference of the peer's feature maps from the official implementation's, relative to each map's largest value.</summary>
    public double? PeerFixtureDiff { get; init; }

    /// <summary>Work in one forward; see <see cref="TrunkShape.Gflop"/>.</summary>
    public required double Gflop { get; init; }

    /// <summary>What this processor can do at best, measured around the race.</summary>
    public required double FmaPeakGflops { get; init; }

    public double? OursGflops => Gflop / OursMs * 1e3;

    public double? ShareOfPeak => OursGflops / FmaPeakGflops;

    public required Machine Machine { get; init; }

    public required RuntimeVersions Versions { get; init; }

    /// <summary>One JSON object.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>A table for people.</summary>
    public void WriteTable(TextWriter writer)
    {
        writer.WriteLine(FormattableString.Invariant(
            $"Hiera-{Model}, image {ImageSize}, {Threads} thread(s), {Gflop:F1} GFLOP; {Machine.Cpu}, {Machine.Isa}, peak {FmaPeakGflops:F0} GFLOP/s"));
        writer.WriteLine($"{"",-36}{"median ms",10}{"best ms",10}{"GFLOP/s",10}{"of peak",10}{"ratio",10}");
        Row("AuralSam2.Kernels", OursMs, OursBestMs);
        Row($"TorchSharp {PeerType}, as installed", TorchsharpMs, TorchsharpBestMs);
        Row($"TorchSharp {PeerType}, MKL fast path", TorchsharpFastMs, TorchsharpFastBestMs);
        if (MaxAbsDiff is { } ours) writer.WriteLine(FormattableString.Invariant($"max abs difference between ours and TorchSharp: {ours:0.0E+0}"));
        if (PeerFixtureDiff is { } peer) writer.WriteLine(FormattableString.Invariant($"TorchSharp against the official implementation: {peer:0.0E+0} relative"));

        void Row(string name, double? median, double? best)
        {
            if (median is not { } ms) return;
            var rate = Gflop / ms * 1e3;
            var factor = OursMs is { } ours && name.StartsWith("TorchSharp", StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"{ms / ours:F2}x") : "";
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-36}{ms,10:F1}{best,10:F1}{rate,10:F0}{100 * rate / FmaPeakGflops,9:F0}%{factor,10}"));
        }
    }
}

/// <summary>Versions of what ran.</summary>
/// <param name="Torchsharp">Version of TorchSharp, where a peer ran.</param>
/// <param name="Libtorch">Version of libtorch, where a peer ran.</param>
internal sealed record RuntimeVersions(string? Torchsharp, string? Libtorch)
{
    /// <summary>The .NET runtime.</summary>
    public string Dotnet { get; } = Environment.Version.ToString();

    /// <summary>This engine.</summary>
    public string Auralsam2 { get; } = typeof(CpuPeak).Assembly.GetName().Version!.ToString(3);
}
