using AuralSam2.Data;
using AuralSam2.Predictors;

namespace AuralSam2.Metrics;

/// <summary>How scores were taken: to be printed beside them, because numbers of different protocols cannot be compared.</summary>
/// <param name="Resolution">Edge in pixels at which logits and labels were compared.</param>
/// <param name="ClipsPerBatch">Clips whose frames are averaged before batches are: 1 for AVSBench, 4 for Ref-AVS.</param>
/// <param name="Decode">Which mask was scored.</param>
public sealed record ScoreProtocol(int Resolution, int ClipsPerBatch, DecodeMode Decode)
{
    private const int AvsClips = 1;
    private const int RefClips = 4;

    /// <summary>The protocol of the original for a dataset.</summary>
    /// <param name="kind">Dataset; scenes are scored as AVSBench.</param>
    /// <param name="resolution">Edge of the model's input in pixels, at which the original compares.</param>
    /// <param name="decode">Which mask is scored; the original chooses checkpoints by <see cref="DecodeMode.Iou"/>.</param>
    public static ScoreProtocol Of(DatasetKind kind, int resolution, DecodeMode decode = DecodeMode.Iou) =>
        new(resolution, kind == DatasetKind.RefAvs ? RefClips : AvsClips, decode);

    /// <summary>The protocol in words, a line each.</summary>
    public IReadOnlyList<string> Lines =>
    [
        $"resolution: logits and labels (nearest) at {Resolution} x {Resolution}",
        Decode switch
        {
            DecodeMode.First => "decode: the first mask",
            DecodeMode.Iou => "decode: the mask with the highest predicted IoU (iou_select)",
            _ => "decode: the mask with the highest predicted IoU, logits 0 where the object score is below 0 (iou_occ_select)",
        },
        "J: per frame, intersection / union of logit > 0; a frame with empty ground truth counts the share of pixels left empty",
        "F: beta^2 0.3, sigmoid(logit) >= 255 thresholds, the best of their means over a batch; frames with empty ground truth are left out",
        ClipsPerBatch == 1
            ? "mean: over clips, a clip being the mean over its frames"
            : $"mean: over batches of {ClipsPerBatch} clips in order, a batch being the mean over its frames; the last may be smaller",
        "a batch whose ground truth is all empty counts F = 0",
        "S: null clips only, share of pixels with logit > 0 per batch (the released code); with the square root as in the benchmark",
        "null clips count for S only",
    ];

    /// <inheritdoc/>
    public override string ToString() => string.Join(Environment.NewLine, Lines);
}
