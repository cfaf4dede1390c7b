using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>What AuralFuser gives the decoder for one frame, finest level first.</summary>
/// <param name="Dense">Per level <c>[cells, 256]</c>.</param>
/// <param name="Sparse">Per level <c>[256]</c>.</param>
internal sealed record PeerPrompts(Tensor[] Dense, Tensor[] Sparse);

/// <summary>Masks <c>[4, 16 cells]</c>, predicted IoUs <c>[1, 4]</c>, the masks' tokens <c>[4, 256]</c>, the object's logit <c>[1, 1]</c>.</summary>
internal sealed record PeerMasks(Tensor Masks, Tensor Ious, Tensor Tokens, Tensor ObjectLogit);

/// <summary>SAM's prompt encoder for points, and its mask decoder.</summary>
internal sealed class TorchMaskDecoder
{
    private const int Channels = 256;
    private const int Heads = 8;
    private const int MaskCount = 4;
    private const int FirstMaskToken = 2;

    private readonly int grid;
    private readonly Tensor gaussian, positivePoint, notAPoint, noMask;
    private readonly Tensor positions; // [1, cells, 256]
    private readonly Tensor outputTokens; // [6, 256]: object, IoU, masks
    private readonly Layer[] layers;
    private readonly Attention finalAttention;
    private readonly Norm finalNorm;
    private readonly TransposedConvolution up1, up2;
    private readonly Norm upNorm;
    private readonly Linear highRes0, highRes1;
    private readonly (Tensor Weight, Tensor Bias)[] hypernetworks; // all four masks' as one: [4, inputs, outputs], [4, 1, outputs]
    private readonly Linear[] iouHead, objectHead;

    public TorchMaskDecoder(int grid, PeerParameters parameters)
    {
        const string encoder = "sam_prompt_encoder.", decoder = "sam_mask_decoder.", transformer = decoder + "transformer.";
        this.grid = grid;
        gaussian = parameters.Parameter(encoder + "pe_layer.positional_encoding_gaussian_matrix", 2, Channels / 2);
        positivePoint = parameters.Parameter(encoder + "point_embeddings.1.weight", 1, Channels);
        notAPoint = parameters.Parameter(encoder + "not_a_point_embed.weight", 1, Channels);
        noMask = parameters.Parameter(encoder + "no_mask_embed.weight", Channels);
        positions = parameters.Own(Encodings.FourierGrid(grid, gaussian).unsqueeze(0));
        outputTokens = parameters.Own(cat(
        [
            RuleTensors.Parameter(decoder + "obj_score_token.weight", 1, Channels),
            RuleTensors.Parameter(decoder + "iou_token.weight", 1, Channels),
            RuleTensors.Parameter(decoder + "mask_tokens.weight", MaskCount, Channels),
        ]));
        layers = [.. Enumerable.Range(0, 2).Select(i => new Layer($"{transformer}layers.{i}", parameters))];
        finalAttention = new Attention(transformer + "final_attn_token_to_image", Channels / 2, parameters);
        finalNorm = parameters.Norm(transformer + "norm_final_attn", Channels, 1e-5);
        up1 = parameters.TransposedConvolution(decoder + "output_upscaling.0", Channels, 64);
        upNorm = parameters.Norm(decoder + "output_upscaling.1", 64, 1e-6);
        up2 = parameters.TransposedConvolution(decoder + "output_upscaling.3", 64, 32);
        highRes0 = parameters.Pointwise(decoder + "conv_s0", 32, Channels);
        highRes1 = parameters.Pointwise(decoder + "conv_s1", 64, Channels);
        hypernetworks = [.. Enumerable.Range(0, 3).Select(i => Stacked(decoder, i, i == 2 ? 32 : Channels, parameters))];
        iouHead = parameters.Mlp(decoder + "iou_prediction_head", Channels, Channels, Channels, MaskCount);
        objectHead = parameters.Mlp(decoder + "pred_obj_score_head", Channels, Channels, Channels, 1);
    }

    /// <summary>The decoder's own maps of a pyramid: <c>[1, 4 grid, 4 grid, 32]</c> and <c>[1, 2 grid, 2 grid, 64]</c>.</summary>
    public (Tensor Stride4, Tensor Stride8) HighResolution(Tensor[] levels) => (highRes0.Forward(levels[0]), highRes1.Forward(levels[1]));

    /// <summary>A click and the padding point that follows it, <c>[2, 256]</c>; x and y in 0 .. 1.</summary>
    public Tensor Click(float x, float y) => cat([Encodings.Fourier(tensor([x, y], [1, 2]), gaussian).add_(positivePoint), notAPoint]);

    /// <summary>Decodes four masks.</summary>
    /// <param name="image"><c>[cells, 256]</c>; the embedding for no mask prompt is added here.</param>
    /// <param name="points"><c>[points, 256]</c>, or null.</param>
    /// <param name="stride4"><c>[.., 4 grid, 4 grid, 32]</c>.</param>
    /// <param name="stride8"><c>[.., 2 grid, 2 grid, 64]</c>.</param>
    /// <param name="audio">Audio prompts, or null.</param>
    public PeerMasks Forward(Tensor image, Tensor? points, Tensor stride4, Tensor stride8, PeerPrompts? audio)
    {
        using var scope = NewDisposeScope();
        var tokens = (points is null ? outputTokens.clone() : cat([outputTokens, points])).unsqueeze(0);
        var keys = (image + noMask).unsqueeze(0);

        // The first audio prompt also becomes part of the tokens' positions: the published code adds it before it takes them.
        Inject(audio, 2, tokens, keys);
        var tokenPositions = tokens.clone();
        for (var l = 0; l < layers.Length; l++)
        {
            if (l > 0) Inject(audio, layers.Length - l, tokens, keys);
            (tokens, keys) = layers[l].Forward(tokens, keys, tokenPositions, positions, isFirst: l == 0);
        }

        Inject(audio, 0, tokens, keys);
        tokens = finalNorm.Forward(tokens.add_(finalAttention.Forward(tokens + tokenPositions, keys + positions, keys))).squeeze(0);

        var half = F.gelu(upNorm.Forward(up1.Forward(keys.view(1, grid, grid, Channels)).add_(stride8)), inplace: true);
        var full = F.gelu(up2.Forward(half).add_(stride4), inplace: true).reshape(-1, 32);

        var maskTokens = tokens.narrow(0, FirstMaskToken, MaskCount).clone();
        var hyper = maskTokens.unsqueeze(1); // [4, 1, 256]
        for (var i = 0; i < hypernetworks.Length; i++)
        {
            hyper = Products.AddBatched(hypernetworks[i].Bias, hyper, hypernetworks[i].Weight);
            if (i < hypernetworks.Length - 1) hyper = hyper.relu_();
        }

        Tensor masks = mm(hyper.squeeze(1), full.t()), ious = iouHead.Forward(tokens.narrow(0, 1, 1)).sigmoid_();
        var objectLogit = objectHead.Forward(tokens.narrow(0, 0, 1));
        foreach (var result in (Tensor[])[masks, ious, maskTokens, objectLogit]) result.MoveToOuterDisposeScope();
        return new PeerMasks(masks, ious, maskTokens, objectLogit);
    }

    private static void Inject(PeerPrompts? audio, int level, Tensor tokens, Tensor keys)
    {
        if (audio is null) return;
        keys.add_(audio.Dense[level]);
        tokens.narrow(1, FirstMaskToken, MaskCount).add_(audio.Sparse[level]);
    }

    private static (Tensor Weight, Tensor Bias) Stacked(string decoder, int layer, long outputs, PeerParameters parameters)
    {
        Tensor All(string kind, params long[] shape) => stack(
            Enumerable.Range(0, MaskCount)
                .Select(mask => RuleTensors.Parameter($"{decoder}output_hypernetworks_mlps.{mask}.layers.{layer}.{kind}", shape)));
        return (parameters.Own(All("weight", outputs, Channels).transpose(1, 2)), parameters.Own(All("bias", outputs).unsqueeze(1)));
    }

    /// <summary>Attention with projections of its own, eight heads.</summary>
    private sealed class Attention(string prefix, long inner, PeerParameters parameters)
    {
        private readonly Linear q = parameters.Linear(prefix + ".q_proj", inner, Channels);
        private readonly Linear k = parameters.Linear(prefix + ".k_proj", inner, Channels);
        private readonly Linear v = parameters.Linear(prefix + ".v_proj", inner, Channels);
        private readonly Linear output = parameters.Linear(prefix + ".out_proj", Channels, inner);

        public Tensor Forward(Tensor query, Tensor key, Tensor value)
        {
            using var scope = NewDisposeScope();
            Tensor Split(Tensor x) => x.view(1, -1, Heads, inner / Heads).transpose(1, 2);
            var attended = F.scaled_dot_product_attention(Split(q.Forward(query)), Split(k.Forward(key)), Split(v.Forward(value)));
            return output.Forward(attended.transpose(1, 2).reshape(1, -1, inner)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Self-attention of tokens, tokens to image, two layers, image to tokens; norms after each.</summary>
    private sealed class Layer(string prefix, PeerParameters parameters)
    {
        private readonly Attention self = new(prefix + ".self_attn", Channels, parameters);
        private readonly Norm norm1 = parameters.Norm(prefix + ".norm1", Channels, 1e-5);
        private readonly Attention tokenToImage = new(prefix + ".cross_attn_token_to_image", Channels / 2, parameters);
        private readonly Norm norm2 = parameters.Norm(prefix + ".norm2", Channels, 1e-5);
        private readonly Linear[] mlp = parameters.Mlp(prefix + ".mlp", Channels, 8 * Channels, Channels);
        private readonly Norm norm3 = parameters.Norm(prefix + ".norm3", Channels, 1e-5);
        private readonly Norm norm4 = parameters.Norm(prefix + ".norm4", Channels, 1e-5);
        private readonly Attention imageToToken = new(prefix + ".cross_attn_image_to_token", Channels / 2, parameters);

        /// <summary>Overwrites <paramref name="keys"/>; what it returns, the caller disposes.</summary>
        public (Tensor Tokens, Tensor Keys) Forward(Tensor tokens, Tensor keys, Tensor tokenPositions, Tensor keyPositions, bool isFirst)
        {
            using var scope = NewDisposeScope();
            var query = tokens + tokenPositions;
            tokens = norm1.Forward(isFirst ? self.Forward(tokens, tokens, tokens) : self.Forward(query, query, tokens).add_(tokens));
            var placed = keys + keyPositions;
            tokens = norm2.Forward(tokenToImage.Forward(tokens + tokenPositions, placed, keys).add_(tokens));
            tokens = norm3.Forward(mlp.Forward(tokens).add_(tokens));
            keys = norm4.Forward(keys.add_(imageToToken.Forward(placed, tokens + tokenPositions, tokens)));
            return (tokens.MoveToOuterDisposeScope(), keys.MoveToOuterDisposeScope());
        }
    }
}
