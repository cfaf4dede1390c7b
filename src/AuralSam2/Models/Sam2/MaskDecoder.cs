using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>What the decoder says about one frame, before a mask is chosen.</summary>
/// <param name="Masks">Logits <c>[4, 4 grid, 4 grid]</c>: the single mask, then three of different extent.</param>
/// <param name="Ious"><c>[1, 4]</c>: estimated quality of each, 0 .. 1.</param>
/// <param name="MaskTokens"><c>[4, 256]</c>: the tokens that made the masks.</param>
/// <param name="ObjectLogit"><c>[1, 1]</c>, above 0: an object is there.</param>
internal readonly record struct DecodedMasks(Tensor Masks, Tensor Ious, Tensor MaskTokens, Tensor ObjectLogit);

/// <summary>Masks from an image embedding and prompts (SPEC 3).</summary>
internal sealed class MaskDecoder
{
    /// <summary>Masks that are decoded at a time.</summary>
    public const int Masks = 4;

    /// <summary>Tokens are: object score, IoU, masks, prompts.</summary>
    public const int FirstMaskToken = 2;

    private const int Channels = 256;
    private const string Path = "sam_mask_decoder";
    private const string UpscalingPath = Path + ".output_upscaling";

    private readonly Device device;
    private readonly Tensor outputTokens;
    private readonly TwoWayTransformer transformer;
    private readonly ConvTransposeWeights up1;
    private readonly NormWeights upNorm;
    private readonly ConvTransposeWeights up2;
    private readonly PackedMatrix highRes0;
    private readonly PackedMatrix highRes1;
    private readonly Mlp[] hypernetworks;
    private readonly Mlp iouHead;
    private readonly Mlp objectHead;

    public MaskDecoder(ParameterBinder binder)
    {
        device = binder.Device;
        float[] objectToken = binder.Host(Path + ".obj_score_token.weight", 1, Channels),
            iouToken = binder.Host(Path + ".iou_token.weight", 1, Channels);
        var maskTokens = binder.Host(Path + ".mask_tokens.weight", Masks, Channels);
        outputTokens = binder.Upload([.. objectToken, .. iouToken, .. maskTokens], FirstMaskToken + Masks, Channels);
        transformer = new TwoWayTransformer(binder, Path + ".transformer");
        up1 = binder.ConvolutionTransposed(Path + ".output_upscaling.0", Channels, 64);
        upNorm = binder.Norm(Path + ".output_upscaling.1", 64, 1e-6f);
        up2 = binder.ConvolutionTransposed(Path + ".output_upscaling.3", 64, 32);
        highRes0 = binder.Pointwise(Path + ".conv_s0", 32, Channels);
        highRes1 = binder.Pointwise(Path + ".conv_s1", 64, Channels);
        hypernetworks =
        [
            .. Enumerable.Range(0, Masks)
                .Select(i => new Mlp(binder, $"{Path}.output_hypernetworks_mlps.{i}", [Channels, Channels, Channels, 32])),
        ];
        iouHead = new Mlp(binder, Path + ".iou_prediction_head", [Channels, Channels, Channels, Masks], Activation.Sigmoid);
        objectHead = new Mlp(binder, Path + ".pred_obj_score_head", [Channels, Channels, Channels, 1]);
    }

    /// <summary>Channels of the two high-resolution maps.</summary>
    public static (int Stride4, int Stride8) HighResChannels => (32, 64);

    /// <summary>The high-resolution maps of a frame.</summary>
    /// <param name="levels">The pyramid: <c>[h, w, 256]</c> at strides 4 and 8.</param>
    /// <param name="stride4"><c>[4 grid, 4 grid, 32]</c>.</param>
    /// <param name="stride8"><c>[2 grid, 2 grid, 64]</c>.</param>
    public void HighResolution(ReadOnlySpan<Tensor> levels, Tensor stride4, Tensor stride8)
    {
        using (device.Module(Path + ".conv_s0")) Gemm.Forward(device, levels[0], highRes0, stride4);
        using (device.Module(Path + ".conv_s1")) Gemm.Forward(device, levels[1], highRes1, stride8);
    }

    /// <summary>Decodes the four masks of one frame.</summary>
    /// <param name="image"><c>[grid * grid, 256]</c>: image embedding with the dense prompt added; overwritten.</param>
    /// <param name="positions"><c>[grid * grid, 256]</c>: <see cref="PromptEncoder.DensePositions"/>.</param>
    /// <param name="sparse"><c>[prompts, 256]</c>, or empty.</param>
    /// <param name="stride4">High-resolution map <c>[4 grid, 4 grid, 32]</c>.</param>
    /// <param name="stride8">High-resolution map <c>[2 grid, 2 grid, 64]</c>.</param>
    /// <param name="audio">Audio prompts, or null.</param>
    /// <param name="name">Prefix in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <returns>Tensors rented in the caller's scope.</returns>
    public DecodedMasks Forward(
        Tensor image, Tensor positions, Tensor sparse, Tensor stride4, Tensor stride8,
        AudioPrompts? audio = null, string name = "", StageObserver? observe = null)
    {
        using var module = device.Module(Path);
        var grid = stride8.Shape[0] / 2;
        Tensor masks = device.Rent(Masks, 4 * grid, 4 * grid), ious = device.Rent(1, Masks), objectLogit = device.Rent(1, 1);
        var own = FirstMaskToken + Masks;
        var tokens = device.Rent(own + (sparse.IsEmpty ? 0 : sparse.Rows), Channels);
        using var scope = device.Scope();
        device.Copy(outputTokens, tokens.Slice(0, own));
        if (!sparse.IsEmpty) device.Copy(sparse, tokens.Slice(own, sparse.Rows));
        transformer.Forward(tokens, image, positions, audio, name + "transformer", observe);

        Tensor half = device.Rent(2 * grid, 2 * grid, 64), full = device.Rent(4 * grid, 4 * grid, 32);
        var source = image.Reshape(grid, grid, Channels);
        if (observe is not null)
        {
            ConvTranspose2x2.Forward(device, source, up1, half);
            observe(name + "output_upscaling.0", half, StageLayout.Map);
        }

        using (device.Module(UpscalingPath)) ConvTranspose2x2.Forward(device, source, up1, half, residual: stride8);
        if (observe is not null)
        {
            var normalised = device.Rent(2 * grid, 2 * grid, 64);
            LayerNorm.Forward(device, half, upNorm, normalised);
            observe(name + "output_upscaling.1", normalised, StageLayout.Map);
        }

        using (device.Module(UpscalingPath)) LayerNorm.Forward(device, half, upNorm, half, activation: Activation.Gelu);
        observe?.Invoke(name + "output_upscaling.2", half, StageLayout.Map);
        if (observe is not null)
        {
            ConvTranspose2x2.Forward(device, half, up2, full);
            observe(name + "output_upscaling.3", full, StageLayout.Map);
        }

        using (device.Module(UpscalingPath))
            ConvTranspose2x2.Forward(device, half, up2, full, residual: stride4, activation: Activation.Gelu);
        observe?.Invoke(name + "output_upscaling.4", full, StageLayout.Map);

        var maskTokens = tokens.Slice(FirstMaskToken, Masks);
        var vectors = device.Rent(Masks, 32);
        for (var i = 0; i < Masks; i++)
            hypernetworks[i].Forward(maskTokens.Slice(i, 1), vectors.Slice(i, 1), $"{name}output_hypernetworks_mlps.{i}", observe);
        MaskProduct.Forward(device, vectors, full, masks);

        iouHead.Forward(tokens.Slice(1, 1), ious, name + "iou_prediction_head", observe);
        objectHead.Forward(tokens.Slice(0, 1), objectLogit, name + "pred_obj_score_head", observe);
        return new DecodedMasks(masks, ious, maskTokens, objectLogit);
    }
}
