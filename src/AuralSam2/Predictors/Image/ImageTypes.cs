namespace AuralSam2.Predictors;

/// <summary>What is shown of one object on a picture: points, a box and a mask, alone or together.</summary>
public sealed record ImagePrompt
{
    /// <summary>Clicks, in pixels of the picture.</summary>
    public IReadOnlyList<VideoPoint> Points { get; init; } = [];

    /// <summary>A box around the object, in pixels of the picture.</summary>
    public VideoBox? Box { get; init; }

    /// <summary>
    /// The object as it is known so far: <see cref="ImageMask.LowResolution"/> of an earlier answer, <c>[4 grid, 4 grid]</c>, which
    /// further points correct. Excludes <see cref="Mask"/>.
    /// </summary>
    public float[]? Earlier { get; init; }

    /// <summary>
    /// The object as somebody else drew it: <c>[height, width]</c> of the picture, row-major; every byte but 0 is on it.
    /// </summary>
    public byte[]? Mask { get; init; }
}

/// <summary>What is asked of a prompt.</summary>
public sealed record ImagePredictOptions
{
    /// <summary>
    /// Whether three masks of different extent are offered, which a single point, not clear about what it means, should have. False
    /// gives one: the decoder's single mask or, where that is unstable, the best of the three.
    /// </summary>
    public bool Multimask { get; init; } = true;

    /// <summary>Whether the masks come with their logits at the size of the picture.</summary>
    public bool Logits { get; init; }
}

/// <summary>The answer to one prompt.</summary>
/// <param name="Masks">Three, from the decoder's second to its fourth, or one.</param>
/// <param name="ObjectScore">Logit: above 0 the decoder believes that the object is in the picture. The masks do not depend on
/// it.</param>
public sealed record ImagePrediction(IReadOnlyList<ImageMask> Masks, float ObjectScore)
{
    /// <summary>The mask with the highest predicted IoU; of equals the first.</summary>
    public ImageMask Best => Masks.MaxBy(mask => mask.PredictedIou)!;
}

/// <summary>One mask of a picture.</summary>
/// <param name="Mask"><c>[height, width]</c> of the picture, row-major, 0 or 255.</param>
/// <param name="PredictedIou">The decoder's own estimate of the mask's quality, 0 .. 1.</param>
/// <param name="LowResolution">Logits <c>[4 grid, 4 grid]</c> within +-32: what the next prompt takes as
/// <see cref="ImagePrompt.Earlier"/>.</param>
/// <param name="Logits"><c>[height, width]</c> of the picture, above 0 on the object; null where they were not asked for.</param>
public sealed record ImageMask(byte[] Mask, float PredictedIou, float[] LowResolution, float[]? Logits);
