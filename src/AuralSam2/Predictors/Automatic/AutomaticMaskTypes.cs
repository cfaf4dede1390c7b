using AuralSam2.PostProcessing;

namespace AuralSam2.Predictors;

/// <summary>What <see cref="AutomaticMaskGenerator"/> asks and what it keeps. The values are those of SAM2's own generator.</summary>
public sealed record AutomaticMaskOptions
{
    /// <summary>Points of an edge of the grid, at least 1: its square is the number of prompts.</summary>
    public int PointsPerSide { get; init; } = 32;

    /// <summary>Whether each point offers three masks.</summary>
    public bool Multimask { get; init; } = true;

    /// <summary>Masks whose predicted IoU is not above this are dropped, 0 .. 1; 0 keeps all.</summary>
    public float MinPredictedIou { get; init; } = 0.8f;

    /// <summary>
    /// Masks less stable than this are dropped, 0 .. 1; 0 keeps all. Stability is the IoU of the mask cut at plus and at minus
    /// <see cref="StabilityOffset"/>.
    /// </summary>
    public float MinStability { get; init; } = 0.95f;

    /// <summary>Logits, not negative.</summary>
    public float StabilityOffset { get; init; } = 1f;

    /// <summary>Of two masks whose boxes have a higher IoU than this, only the one with the higher predicted IoU is kept, 0 .. 1.</summary>
    public float MaxBoxIou { get; init; } = 0.7f;

    /// <summary>
    /// How often the picture is looked at again in parts: layer i has 2^i parts along each edge. 0 looks at the whole only; at most 5.
    /// </summary>
    public int CropLayers { get; init; }

    /// <summary>By how much the parts of the first layer overlap, as a share of the picture's shorter edge, 0 .. 1 (1 excluded); half as
    /// much in the next.</summary>
    public float CropOverlap { get; init; } = 512f / 1500f;

    /// <summary>As <see cref="MaxBoxIou"/> between masks of different parts: that of the smaller part is kept.</summary>
    public float MaxCropBoxIou { get; init; } = 0.7f;

    /// <summary>The grid of layer i has <see cref="PointsPerSide"/> over the i-th power of this along each edge; at least 1.</summary>
    public int CropPointsDownscale { get; init; } = 1;

    /// <summary>
    /// Holes and islands of fewer pixels are filled and removed, and masks that are thereby the same as others, or nothing, are
    /// dropped; 0 leaves all.
    /// </summary>
    public int MinRegionArea { get; init; }

    /// <summary>Demands that the values make sense.</summary>
    /// <exception cref="ArgumentException">One does not.</exception>
    internal void Ensure()
    {
        if (PointsPerSide < 1) throw new ArgumentException($"a grid of {PointsPerSide} points per side");
        if (CropLayers is < 0 or > 5) throw new ArgumentException($"{CropLayers} layers of crops: 0 to 5");
        if (CropPointsDownscale < 1) throw new ArgumentException($"a grid that is {CropPointsDownscale} times coarser from layer to layer");
        if (MinRegionArea < 0) throw new ArgumentException($"regions of {MinRegionArea} pixels");
        if (!(StabilityOffset >= 0)) throw new ArgumentException($"a stability offset of {StabilityOffset}");
        if (CropOverlap is not (>= 0 and < 1)) throw new ArgumentException($"crops that overlap by {CropOverlap} of an edge: 0 to below 1");
        foreach (var (share, name) in new[]
        {
            (MinPredictedIou, nameof(MinPredictedIou)), (MinStability, nameof(MinStability)), (MaxBoxIou, nameof(MaxBoxIou)),
            (MaxCropBoxIou, nameof(MaxCropBoxIou)),
        })
        {
            if (share is not (>= 0 and <= 1)) throw new ArgumentException($"{name} is {share}: 0 to 1");
        }
    }
}

/// <summary>A mask that was found without being asked for.</summary>
/// <param name="Mask">At the size of the picture; not empty.</param>
/// <param name="PredictedIou">The decoder's own estimate of the mask's quality, 0 .. 1.</param>
/// <param name="Stability">IoU of the mask cut at plus and at minus <see cref="AutomaticMaskOptions.StabilityOffset"/>, before
/// regions were cleaned.</param>
/// <param name="Point">The point that it was found from, in pixels of the picture.</param>
/// <param name="Crop">The part of the picture that the model looked at.</param>
public sealed record GeneratedMask(RunLengthMask Mask, float PredictedIou, float Stability, VideoPoint Point, PixelBox Crop)
{
    /// <summary>The smallest box that holds the mask.</summary>
    public PixelBox Box => Mask.Box!.Value;

    /// <summary>Pixels on the mask.</summary>
    public int Area => Mask.Area;
}
