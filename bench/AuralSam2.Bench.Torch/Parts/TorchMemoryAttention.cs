using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>The current frame reads its memories: four layers of self-attention and cross-attention, one head, rotary positions.</summary>
internal sealed class TorchMemoryAttention
{
    private const int Channels = 256;
    private const int MemoryChannels = 64;

    private readonly Tensor rotations; // complex [cells, 128]
    private readonly Tensor framePositions; // [cells, 256], times 0.1
    private readonly Layer[] layers;
    private readonly Norm norm;

    public TorchMemoryAttention(int grid, PeerParameters parameters)
    {
        rotations = parameters.OwnAsIs(Encodings.Rotations(grid, Channels));
        framePositions = parameters.Own(Encodings.Sine2D(grid, Channels) * 0.1);
        layers = [.. Enumerable.Range(0, 4).Select(i => new Layer($"memory_attention.layers.{i}", parameters))];
        norm = parameters.Norm("memory_attention.norm", Channels, 1e-5);
    }

    /// <summary>Conditions a frame on memories.</summary>
    /// <param name="frame"><c>[cells, 256]</c>.</param>
    /// <param name="memory"><c>[tokens, 64]</c>: spatial memories, then object pointers.</param>
    /// <param name="placed">The same with its positions added.</param>
    /// <param name="pointerTokens">How many of the last tokens have no place in the image.</param>
    /// <returns><c>[cells, 256]</c>; the caller disposes it.</returns>
    public Tensor Forward(Tensor frame, Tensor memory, Tensor placed, long pointerTokens)
    {
        using var scope = NewDisposeScope();
        var x = frame + framePositions;
        foreach (var layer in layers) layer.Forward(x, memory, placed, pointerTokens, rotations);
        return norm.Forward(x).MoveToOuterDisposeScope();
    }

    private sealed class Layer(string prefix, PeerParameters parameters)
    {
        private readonly Norm norm1 = parameters.Norm(prefix + ".norm1", Channels, 1e-5);
        private readonly Linear selfQkv = parameters.Linears(
            [prefix + ".self_attn.q_proj", prefix + ".self_attn.k_proj", prefix + ".self_attn.v_proj"], Channels, Channels);
        private readonly Linear selfOut = parameters.Linear(prefix + ".self_attn.out_proj", Channels, Channels);
        private readonly Norm norm2 = parameters.Norm(prefix + ".norm2", Channels, 1e-5);
        private readonly Linear crossQ = parameters.Linear(prefix + ".cross_attn_image.q_proj", Channels, Channels);
        private readonly Linear crossK = parameters.Linear(prefix + ".cross_attn_image.k_proj", Channels, MemoryChannels);
        private readonly Linear crossV = parameters.Linear(prefix + ".cross_attn_image.v_proj", Channels, MemoryChannels);
        private readonly Linear crossOut = parameters.Linear(prefix + ".cross_attn_image.out_proj", Channels, Channels);
        private readonly Norm norm3 = parameters.Norm(prefix + ".norm3", Channels, 1e-5);
        private readonly Linear expand = parameters.Linear(prefix + ".linear1", 2048, Channels);
        private readonly Linear contract = parameters.Linear(prefix + ".linear2", Channels, 2048);

        /// <summary>In place on <paramref name="x"/>, <c>[cells, 256]</c>.</summary>
        public void Forward(Tensor x, Tensor memory, Tensor placed, long pointerTokens, Tensor rotations)
        {
            var cells = x.shape[0];
            using (NewDisposeScope())
            {
                var qkv = selfQkv.Forward(norm1.Forward(x));
                Rotate(qkv.narrow(1, 0, 2 * Channels).view(cells, 2, Channels / 2, 2), rotations.unsqueeze(1)); // queries and keys
                var parts = qkv.view(1, cells, 3, Channels).unbind(2);
                x.add_(selfOut.Forward(Attend(parts[0], parts[1], parts[2])));
            }

            using (NewDisposeScope())
            {
                var query = crossQ.Forward(norm2.Forward(x));
                Rotate(query.view(cells, Channels / 2, 2), rotations);
                var key = crossK.Forward(placed);
                var spatial = key.shape[0] - pointerTokens;
                Rotate(key.narrow(0, 0, spatial).view(-1, cells, Channels / 2, 2), rotations); // every memory alike
                x.add_(crossOut.Forward(Attend(query, key, crossV.Forward(memory))));
            }

            using (NewDisposeScope()) x.add_(contract.Forward(expand.Forward(norm3.Forward(x)).relu_()));
        }

        /// <summary>Turns pairs of channels <c>[..., 128, 2]</c> in place, as complex numbers.</summary>
        private static void Rotate(Tensor pairs, Tensor rotations) => pairs.view_as_complex().mul_(rotations);

        private static Tensor Attend(Tensor query, Tensor key, Tensor value)
        {
            static Tensor OneHead(Tensor x) => x.view(1, 1, -1, Channels);
            return F.scaled_dot_product_attention(OneHead(query), OneHead(key), OneHead(value)).view(-1, Channels);
        }
    }
}
