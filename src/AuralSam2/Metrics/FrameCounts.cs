namespace AuralSam2.Metrics;

/// <summary>
/// A predicted frame beside its ground truth, counted once over all pixels: what every score of SPEC 12 is computed from.
/// </summary>
public sealed class FrameCounts
{
    private const double IouEpsilon = 1e-7;
    private const double RatioEpsilon = 1e-20;
    private const double BetaSquared = 0.3;

    /// <summary>Pixels in or above each bin: all of them, and those that the label marks.</summary>
    private readonly int[] predicted = new int[LogitBins.Count];
    private readonly int[] hits = new int[LogitBins.Count];

    /// <summary>Counts a frame.</summary>
    /// <param name="logits">Decoded mask logits, one per pixel; infinities are fine.</param>
    /// <param name="labels">Ground truth at the same resolution: 0, or anything else for foreground.</param>
    /// <exception cref="ArgumentException">No pixels, different lengths, or a logit that is no number.</exception>
    public FrameCounts(ReadOnlySpan<float> logits, ReadOnlySpan<byte> labels)
    {
        if (logits.IsEmpty || logits.Length != labels.Length)
            throw new ArgumentException($"{logits.Length} logits for {labels.Length} labels", nameof(labels));
        foreach (var logit in logits)
        {
            if (float.IsNaN(logit)) throw new ArgumentException("a logit is not a number", nameof(logits));
        }

        Span<int> counts = stackalloc int[2 * LogitBins.Count];
        counts.Clear();
        LogitBins.Add(logits, labels, counts);
        int all = 0, foreground = 0;
        for (var bin = LogitBins.Count - 1; bin >= 0; bin--)
        {
            foreground += counts[LogitBins.Count + bin];
            all += counts[bin] + counts[LogitBins.Count + bin];
            (predicted[bin], hits[bin]) = (all, foreground);
        }

        (Pixels, GroundTruth) = (all, foreground);
        (Predicted, TruePositive) = (predicted[LogitBins.FirstOfMask], hits[LogitBins.FirstOfMask]);
    }

    /// <summary>Pixels of the frame.</summary>
    public int Pixels { get; }

    /// <summary>Pixels of the ground truth.</summary>
    public int GroundTruth { get; }

    /// <summary>Pixels of the predicted mask: logit above 0.</summary>
    public int Predicted { get; }

    /// <summary>Pixels of both.</summary>
    public int TruePositive { get; }

    /// <summary>Whether nothing is to be found.</summary>
    public bool IsEmpty => GroundTruth == 0;

    /// <summary>
    /// J of one frame: intersection / (union + 1e-7). Where nothing is to be found, the pixels left alone / (all pixels + 1e-7).
    /// </summary>
    public double Jaccard => IsEmpty
        ? (Pixels - Predicted) / (Pixels + IouEpsilon)
        : TruePositive / (Predicted + GroundTruth - TruePositive + IouEpsilon);

    /// <summary>
    /// Adds the F measures of this frame at the 255 thresholds sigmoid(logit) >= linspace(0, 1 - 1e-10, 255):
    /// 1.3 P R / (0.3 P + R), P = tp / (predicted + 1e-20), R = tp / (ground truth + 1e-20), 0 where both are 0.
    /// </summary>
    internal void AddFMeasures(Span<double> sums)
    {
        for (var k = 0; k < LogitBins.Thresholds; k++)
        {
            var bin = LogitBins.FirstReaching(k);
            var precision = hits[bin] / (predicted[bin] + RatioEpsilon);
            var recall = hits[bin] / (GroundTruth + RatioEpsilon);
            var f = (1 + BetaSquared) * precision * recall / (BetaSquared * precision + recall);
            sums[k] += double.IsNaN(f) ? 0 : f;
        }
    }
}
