using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>How the decoder's masks become one answer.</summary>
internal readonly record struct SelectionOptions
{
    /// <summary>Offer three masks and take the one with the highest predicted IoU; otherwise the single mask.</summary>
    public bool Multimask { get; init; }

    /// <summary>Single mask only: replace an unstable one by the best of the three.</summary>
    public bool DynamicViaStability { get; init; }

    /// <summary>Stability below this counts as unstable.</summary>
    public float StabilityThreshold { get; init; }

    /// <summary>Overwrite all logits with -1024 where no object is there (official predictors; not AuralSAM2).</summary>
    public bool MaskAbsentObjects { get; init; }
}

/// <summary>The answer for one frame.</summary>
/// <param name="LowMasks">All masks on offer, <c>[1 or 3, 4 grid, 4 grid]</c>.</param>
/// <param name="Ious">Their predicted IoUs.</param>
/// <param name="LowMask">The chosen one, <c>[4 grid, 4 grid]</c>.</param>
/// <param name="HighMask">The chosen one at input size, <c>[size, size]</c>.</param>
/// <param name="Best">Index of the chosen one in <paramref name="LowMasks"/>.</param>
/// <param name="Pointer">Object pointer, <c>[1, 256]</c>.</param>
/// <param name="ObjectLogit">Above 0: an object is there.</param>
internal readonly record struct SelectedMask(
    Tensor LowMasks, float[] Ious, Tensor LowMask, Tensor HighMask, int Best, Tensor Pointer, float ObjectLogit);

/// <summary>Chooses a mask and makes the object pointer (SPEC 3 "Selection" and 4).</summary>
internal sealed class SamHeads
{
    /// <summary>Logit of a mask whose object is absent.</summary>
    public const float AbsentLogit = -1024f;

    private const int Channels = 256;
    private const float StabilityDelta = 0.05f;

    private readonly Device device;
    private readonly int imageSize;
    private readonly Mlp pointerHead;
    private readonly Tensor absentPointer;

    public SamHeads(Sam2Config config, ParameterBinder binder)
    {
        device = binder.Device;
        imageSize = config.ImageSize;
        pointerHead = new Mlp(binder, "obj_ptr_proj", [Channels, Channels, Channels, Channels]);
        absentPointer = binder.Tensor("no_obj_ptr", 1, Channels);
    }

    /// <summary>Chooses.</summary>
    /// <param name="decoded">The decoder's masks; overwritten when an absent object is masked out.</param>
    /// <param name="options">How.</param>
    /// <returns>Tensors are views of <paramref name="decoded"/> or rented in the caller's scope.</returns>
    public SelectedMask Select(in DecodedMasks decoded, in SelectionOptions options)
    {
        var high = device.Rent(imageSize, imageSize);
        var pointer = device.Rent(1, Channels);
        var present = decoded.ObjectLogit > 0;
        var (first, count) = options.Multimask ? (1, 3) : (0, 1);
        if (!options.Multimask && options.DynamicViaStability && Stability(decoded.Masks.At(0)) < options.StabilityThreshold)
            first = 1 + Best(decoded.Ious.AsSpan(1));
        if (options.MaskAbsentObjects && !present) device.Fill(decoded.Masks, AbsentLogit);

        var best = options.Multimask ? Best(decoded.Ious.AsSpan(1)) : 0;
        var low = decoded.Masks.At(first + best);
        Resize.Forward(device, low, high, ResizeMode.Bilinear);
        // The token of a mask that was swapped in for stability is not used: the pointer stays that of the single mask.
        var token = decoded.MaskTokens.Slice(options.Multimask ? 1 + best : 0, 1);
        if (present) pointerHead.Forward(token, pointer);
        else device.Copy(absentPointer, pointer);
        return new SelectedMask(
            decoded.Masks.Slice(first, count), decoded.Ious.AsSpan(first, count).ToArray(), low, high, best, pointer, decoded.ObjectLogit);
    }

    private static int Best(ReadOnlySpan<float> ious)
    {
        var best = 0;
        for (var i = 1; i < ious.Length; i++)
            if (ious[i] > ious[best]) best = i;
        return best;
    }

    /// <summary>Share of the generous mask that also is in the strict one: IoU of the mask cut at +-delta.</summary>
    private float Stability(Tensor mask)
    {
        var logits = new float[mask.Length];
        device.Download(mask, logits);
        int strict = 0, generous = 0;
        foreach (var logit in logits)
        {
            if (logit > StabilityDelta) strict++;
            if (logit > -StabilityDelta) generous++;
        }

        return generous > 0 ? (float)strict / generous : 1f;
    }
}
