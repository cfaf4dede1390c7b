using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>What AuralFuser gives the decoder for one frame, finest level first.</summary>
/// <param name="Dense">Three maps <c>[grid * grid, 256]</c>, added to the image tokens.</param>
/// <param name="Sparse">Three vectors <c>[256]</c>, added to the mask tokens.</param>
internal readonly record struct AudioPrompts(Tensor[] Dense, Tensor[] Sparse);

/// <summary>
/// Tokens and image attend to each other, twice, and the tokens once more to the image (SPEC 3; SAM, Kirillov et al. 2023). With audio
/// prompts (SPEC 10) each step first adds a level of them, coarse to fine.
/// </summary>
internal sealed class TwoWayTransformer
{
    private const int Channels = 256;
    private const int Heads = 8;
    private const int Depth = 2;

    private readonly Device device;
    private readonly string path;
    private readonly Layer[] layers;
    private readonly DecoderAttention finalAttention;
    private readonly NormWeights finalNorm;

    public TwoWayTransformer(ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        path = prefix;
        layers = [.. Enumerable.Range(0, Depth).Select(i => new Layer(binder, $"{prefix}.layers.{i}"))];
        finalAttention = new DecoderAttention(binder, prefix + ".final_attn_token_to_image", Channels, Channels / 2, Heads);
        finalNorm = binder.Norm(prefix + ".norm_final_attn", Channels, 1e-5f);
    }

    /// <summary>Runs it in place.</summary>
    /// <param name="tokens"><c>[tokens, 256]</c>: obj, iou, four masks, then prompts. Becomes the output tokens.</param>
    /// <param name="keys"><c>[grid * grid, 256]</c>: image embedding plus dense prompt. Becomes the output image.</param>
    /// <param name="keyPositions"><c>[grid * grid, 256]</c>.</param>
    /// <param name="audio">Audio prompts of this frame, or null.</param>
    /// <param name="name">Prefix in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(Tensor tokens, Tensor keys, Tensor keyPositions, AudioPrompts? audio, string name, StageObserver? observe)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        var queryPositions = device.Rent(tokens.Rows, Channels);
        var keysWithPositions = device.Rent(keys.Rows, Channels);
        if (audio is { } first)
        {
            // The reference adds to the tokens in place while they still are its query positions: the coarsest audio vector becomes part
            // of the positions of the mask tokens in every later layer (SPEC 10, "Aliasing").
            Inject(first, Depth, tokens, keys);
        }

        device.Copy(tokens, queryPositions);
        for (var l = 0; l < Depth; l++)
        {
            if (l > 0 && audio is { } next) Inject(next, Depth - l, tokens, keys);
            layers[l].Forward(device, l == 0, tokens, keys, queryPositions, keyPositions, keysWithPositions, $"{name}.layers.{l}", observe);
        }

        if (audio is { } last) Inject(last, 0, tokens, keys);
        var query = device.Rent(tokens.Rows, Channels);
        Elementwise.Add(device, tokens, queryPositions, query);
        Elementwise.Add(device, keys, keyPositions, keysWithPositions);
        finalAttention.Forward(query, keysWithPositions, keys, tokens, tokens, name + ".final_attn_token_to_image", observe);
        LayerNorm.Forward(device, tokens, finalNorm, tokens);
        observe?.Invoke(name + ".norm_final_attn", tokens);
        observe?.Invoke(name + ".out0", tokens);
        observe?.Invoke(name + ".out1", keys);
    }

    private void Inject(AudioPrompts audio, int level, Tensor tokens, Tensor keys)
    {
        Elementwise.Add(device, keys, audio.Dense[level], keys);
        var maskTokens = tokens.Slice(MaskDecoder.FirstMaskToken, MaskDecoder.Masks);
        Elementwise.Add(device, maskTokens, audio.Sparse[level], maskTokens);
    }

    /// <summary>Self-attention of tokens, tokens to image, two layers, image to tokens; norms after each.</summary>
    private sealed class Layer(ParameterBinder binder, string prefix)
    {
        private readonly DecoderAttention self = new(binder, prefix + ".self_attn", Channels, Channels, Heads);
        private readonly NormWeights norm1 = binder.Norm(prefix + ".norm1", Channels, 1e-5f);
        private readonly DecoderAttention tokenToImage = new(binder, prefix + ".cross_attn_token_to_image", Channels, Channels / 2, Heads);
        private readonly NormWeights norm2 = binder.Norm(prefix + ".norm2", Channels, 1e-5f);
        private readonly PackedMatrix expand = binder.Linear(prefix + ".mlp.layers.0", 8 * Channels, Channels);
        private readonly PackedMatrix contract = binder.Linear(prefix + ".mlp.layers.1", Channels, 8 * Channels);
        private readonly NormWeights norm3 = binder.Norm(prefix + ".norm3", Channels, 1e-5f);
        private readonly string mlpPath = prefix + ".mlp";
        private readonly NormWeights norm4 = binder.Norm(prefix + ".norm4", Channels, 1e-5f);
        private readonly DecoderAttention imageToToken = new(binder, prefix + ".cross_attn_image_to_token", Channels, Channels / 2, Heads);

        public void Forward(
            Device device, bool first, Tensor tokens, Tensor keys, Tensor queryPositions, Tensor keyPositions, Tensor keysWithPositions,
            string name, StageObserver? observe)
        {
            using var module = device.Module(prefix);
            using var scope = device.Scope();
            var query = device.Rent(tokens.Rows, Channels);
            if (first)
            {
                // The first layer replaces the tokens: no residual, no positions.
                device.Copy(tokens, query);
                self.Forward(query, query, query, tokens, default, name + ".self_attn", observe);
            }
            else
            {
                Elementwise.Add(device, tokens, queryPositions, query);
                self.Forward(query, query, tokens, tokens, tokens, name + ".self_attn", observe);
            }

            LayerNorm.Forward(device, tokens, norm1, tokens);
            observe?.Invoke(name + ".norm1", tokens);

            Elementwise.Add(device, tokens, queryPositions, query);
            Elementwise.Add(device, keys, keyPositions, keysWithPositions);
            tokenToImage.Forward(query, keysWithPositions, keys, tokens, tokens, name + ".cross_attn_token_to_image", observe);
            LayerNorm.Forward(device, tokens, norm2, tokens);
            observe?.Invoke(name + ".norm2", tokens);

            var hidden = device.Rent(tokens.Rows, expand.Outputs);
            if (observe is not null)
            {
                Gemm.Forward(device, tokens, expand, hidden);
                observe(name + ".mlp.layers.0", hidden);
            }

            using (device.Module(mlpPath)) Gemm.Forward(device, tokens, expand, hidden, new GemmFusion { Activation = Activation.Relu });
            observe?.Invoke(name + ".mlp.act", hidden);
            using (device.Module(mlpPath)) Gemm.Forward(device, hidden, contract, query);
            observe?.Invoke(name + ".mlp.layers.1", query);
            observe?.Invoke(name + ".mlp", query);
            LayerNorm.Forward(device, tokens, norm3, tokens, add: query);
            observe?.Invoke(name + ".norm3", tokens);

            Elementwise.Add(device, tokens, queryPositions, query);
            imageToToken.Forward(keysWithPositions, query, tokens, keys, keys, name + ".cross_attn_image_to_token", observe);
            LayerNorm.Forward(device, keys, norm4, keys);
            observe?.Invoke(name + ".norm4", keys);
            observe?.Invoke(name + ".out0", tokens);
            observe?.Invoke(name + ".out1", keys);
        }
    }
}
