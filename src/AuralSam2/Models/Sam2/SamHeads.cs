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

    /// <summary>As SAM2's own image and video predictors choose.</summary>
    /// <param name="multimask">Whether three masks are on offer: for at most one point.</param>
    public static SelectionOptions Official(bool multimask) =>
        new() { Multimask = multimask, DynamicViaStability = true, StabilityThreshold = 0.98f, MaskAbsentObjects = true };
}

/// <summary>The decoder's masks as an answer, on the device.</summary>
/// <param name="LowMasks">All masks on offer, <c>[1 or 3, 4 grid, 4 grid]</c>.</param>
/// <param name="Ious">Their predicted IoUs, <c>[1, 1 or 3]</c>.</param>
/// <param name="LowMask">The chosen one, <c>[4 grid, 4 grid]</c>.</param>
/// <param name="Token">The token that its object pointer is made of, <c>[1, 256]</c>.</param>
/// <param name="Best"><c>[1]</c>: index of the chosen one in <paramref name="LowMasks"/>.</param>
internal readonly record struct ChosenMask(Tensor LowMasks, Tensor Ious, Tensor LowMask, Tensor Token, Tensor Best);

/// <summary>The answer for one frame, all of it on the device: a frame goes on to the next without a look from the host.</summary>
/// <param name="LowMasks">All masks on offer, <c>[1 or 3, 4 grid, 4 grid]</c>.</param>
/// <param name="Ious">Their predicted IoUs, <c>[1, 1 or 3]</c>.</param>
/// <param name="LowMask">The chosen one, <c>[4 grid, 4 grid]</c>.</param>
/// <param name="HighMask">The chosen one at input size, <c>[size, size]</c>.</param>
/// <param name="Best"><c>[1]</c>: index of the chosen one in <paramref name="LowMasks"/>.</param>
/// <param name="Pointer">Object pointer, <c>[1, 256]</c>.</param>
/// <param name="ObjectLogit"><c>[1, 1]</c>, above 0: an object is there.</param>
internal readonly record struct SelectedMask(
    Tensor LowMasks, Tensor Ious, Tensor LowMask, Tensor HighMask, Tensor Best, Tensor Pointer, Tensor ObjectLogit);

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

    public SamHeads(Sam2Config config, ParameterBinder binder)
    {
        device = binder.Device;
        imageSize = config.ImageSize;
        pointerHead = new Mlp(binder, "obj_ptr_proj", [Channels, Channels, Channels, Channels]);
        AbsentPointer = binder.Tensor("no_obj_ptr", 1, Channels);
    }

    /// <summary>Pointer of an object that is not there, <c>[1, 256]</c>.</summary>
    public Tensor AbsentPointer { get; }

    /// <summary>Chooses a mask, resizes it and makes its pointer.</summary>
    /// <param name="decoded">The decoder's masks; overwritten when an absent object is masked out.</param>
    /// <param name="options">How.</param>
    /// <returns>Tensors are views of <paramref name="decoded"/> or rented in the caller's scope.</returns>
    public SelectedMask Select(in DecodedMasks decoded, in SelectionOptions options)
    {
        Tensor high = device.Rent(imageSize, imageSize), pointer = device.Rent(1, Channels);
        var chosen = Choose(decoded, options);
        Resize.Forward(device, chosen.LowMask, high, ResizeMode.Bilinear);
        pointerHead.Forward(chosen.Token, pointer);
        Kernels.Ops.Select.Where(device, decoded.ObjectLogit, pointer, AbsentPointer, pointer);
        return new SelectedMask(chosen.LowMasks, chosen.Ious, chosen.LowMask, high, chosen.Best, pointer, decoded.ObjectLogit);
    }

    /// <summary>Chooses a mask.</summary>
    /// <param name="decoded">The decoder's masks; overwritten when an absent object is masked out.</param>
    /// <param name="options">How.</param>
    /// <returns>Tensors are views of <paramref name="decoded"/> or rented in the caller's scope.</returns>
    /// <remarks>The choice is made on the device. Only <see cref="SelectionOptions.DynamicViaStability"/> looks at a mask from the
    /// host.</remarks>
    public ChosenMask Choose(in DecodedMasks decoded, in SelectionOptions options)
    {
        var (height, width) = (decoded.Masks.Shape[1], decoded.Masks.Shape[2]);
        var best = device.Rent(1);
        var unstable = !options.Multimask && options.DynamicViaStability && Stability(decoded.Masks.At(0)) < options.StabilityThreshold;
        if (options.MaskAbsentObjects) HideAbsent(decoded);

        // The single mask is the first of four; the other three are of different extent.
        Tensor offered = decoded.Masks.Slice(1, 3), ious = decoded.Ious.SliceColumns(1, 3), token = decoded.MaskTokens.Slice(0, 1);
        if (options.Multimask)
        {
            var low = device.Rent(height, width);
            token = device.Rent(1, Channels);
            Kernels.Ops.Select.Best(device, ious, offered, low, index: best);
            Kernels.Ops.Select.Best(device, ious, decoded.MaskTokens.Slice(1, 3), token);
            return new ChosenMask(offered, ious, low, token, best);
        }

        device.Fill(best, 0);
        if (!unstable) return new ChosenMask(decoded.Masks.Slice(0, 1), decoded.Ious.SliceColumns(0, 1), decoded.Masks.At(0), token, best);

        // The token of a mask that is swapped in for stability is not used: the pointer stays that of the single mask.
        Tensor stable = device.Rent(height, width), quality = device.Rent(1, 1);
        Kernels.Ops.Select.Best(device, ious, offered, stable);
        Kernels.Ops.Select.Best(device, ious, ious.Reshape(3, 1), quality);
        return new ChosenMask(stable.Reshape(1, height, width), quality, stable, token, best);
    }

    /// <summary>Overwrites all masks where no object is there.</summary>
    private void HideAbsent(in DecodedMasks decoded)
    {
        using var scope = device.Scope();
        var hidden = device.Rent(decoded.Masks.Shape[0], decoded.Masks.Shape[1], decoded.Masks.Shape[2]);
        device.Fill(hidden, AbsentLogit);
        Kernels.Ops.Select.Where(device, decoded.ObjectLogit, decoded.Masks, hidden, decoded.Masks);
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
