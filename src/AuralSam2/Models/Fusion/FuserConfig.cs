namespace AuralSam2.Models.Fusion;

/// <summary>Which AuralSAM2 a checkpoint belongs to.</summary>
public enum FuserVariant
{
    /// <summary>Sound alone (AVSBench).</summary>
    Avs,

    /// <summary>Sound and a sentence (Ref-AVS).</summary>
    Ref,
}

/// <summary>Shape of an AuralFuser.</summary>
/// <param name="Variant">With or without language.</param>
/// <param name="FrameDepths">Transformer blocks over the image, per level.</param>
/// <param name="AudioDepth">Transformer blocks over the sound, per level.</param>
public sealed record FuserConfig(FuserVariant Variant, int[] FrameDepths, int AudioDepth)
{
    /// <summary>The published configuration.</summary>
    public static FuserConfig Published(FuserVariant variant = FuserVariant.Avs) => new(variant, [3, 6, 12], 3);

    /// <summary>The fixtures' small configuration.</summary>
    public static FuserConfig Mini(FuserVariant variant) => new(variant, [1, 1, 2], 3);
}
