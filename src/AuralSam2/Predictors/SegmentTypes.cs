namespace AuralSam2.Predictors;

/// <summary>Which of the decoder's three masks becomes the answer (SPEC 12).</summary>
public enum DecodeMode
{
    /// <summary>The mask with the highest predicted IoU.</summary>
    Iou,

    /// <summary>As <see cref="Iou"/>, and nothing where the object score is negative.</summary>
    IouObject,

    /// <summary>The first mask.</summary>
    First,
}

/// <summary>How a clip is segmented.</summary>
public sealed record SegmentOptions
{
    /// <summary>Which mask becomes the answer.</summary>
    public DecodeMode Decode { get; init; } = DecodeMode.Iou;

    /// <summary>Frames that are fused with the sound at a time; released models were trained on at most 10.</summary>
    public int Window { get; init; } = 10;

    /// <summary>Features of a sentence, <c>[25, 768]</c> row-major, for Ref-AVS weights; null for AVS weights.</summary>
    public float[]? TextFeatures { get; init; }
}

/// <summary>The answer for one frame.</summary>
/// <param name="Index">Frame number, from 0.</param>
/// <param name="Seconds">Where the frame stands in the clip.</param>
/// <param name="Mask"><c>[height, width]</c> of the input, row-major, 0 or 255.</param>
/// <param name="PredictedIou">The decoder's own estimate of the mask's quality, 0 .. 1.</param>
/// <param name="ObjectScore">Logit: above 0 the decoder believes that the sounding object is in the frame.</param>
public sealed record SegmentedFrame(int Index, double Seconds, byte[] Mask, float PredictedIou, float ObjectScore);

/// <summary>What a predictor is doing.</summary>
/// <param name="Stage">In words: <c>encoding images</c>, <c>fusing sound and image</c>, <c>tracking</c>.</param>
/// <param name="Done">Units of work done, of the whole run.</param>
/// <param name="Total">Units of work of the whole run.</param>
public readonly record struct SegmentProgress(string Stage, int Done, int Total);
