using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// SAM2's image trunk as a TorchSharp user would write it for speed: inference mode, PyTorch's fused attention, in-place sums, and
/// one dispose scope per block, so that a block's memory is free again before the next one asks for it.
/// </summary>
internal sealed class TorchHiera
{
    private const string Prefix = "image_encoder.trunk.";
    private const double NormEpsilon = 1e-6;

    private readonly Tensor patchWeight;
    private readonly Tensor patchBias;
    private readonly Tensor positions; // [1, grid, grid, embed]
    private readonly Block[] blocks;

    public TorchHiera(TrunkShape shape, int imageSize, PeerParameters parameters)
    {
        Tensor Parameter(string name, params long[] dims) => parameters.Parameter(Prefix + name, dims);

        patchWeight = Parameter("patch_embed.proj.weight", shape.Embed, 3, 7, 7);
        patchBias = Parameter("patch_embed.proj.bias", shape.Embed);
        positions = parameters.Own(Positions(shape, imageSize / 4));
        blocks =
        [
            .. shape.Blocks(imageSize).Select(block => new Block(block, (name, dims) => Parameter($"blocks.{block.Index}.{name}", dims))),
        ];
    }

    /// <summary>The four feature maps, [1, grid, grid, channels], of an image [1, 3, size, size]; the caller disposes them.</summary>
    public List<Tensor> Forward(Tensor image)
    {
        var stages = new List<Tensor>();
        var x = Patches(image);
        foreach (var block in blocks)
        {
            var input = x;
            x = block.Forward(input);
            if (!stages.Contains(input)) input.Dispose();
            if (block.Shape.EndsStage) stages.Add(x);
        }

        return stages;
    }

    private Tensor Patches(Tensor image)
    {
        using var scope = NewDisposeScope();
        var patches = F.conv2d(image, patchWeight, patchBias, strides: [4, 4], padding: [3, 3]);
        return patches.permute(0, 2, 3, 1).contiguous().add_(positions).MoveToOuterDisposeScope();
    }

    /// <summary>The coarse embedding, resized, plus the window embedding, repeated over the grid.</summary>
    private static Tensor Positions(TrunkShape shape, int grid)
    {
        var coarse = RuleTensors.Parameter(Prefix + "pos_embed", 1, shape.Embed, shape.PositionGrid, shape.PositionGrid);
        var window = RuleTensors.Parameter(Prefix + "pos_embed_window", 1, shape.Embed, shape.Windows[0], shape.Windows[0]);
        var resized = F.interpolate(coarse, size: [grid, grid], mode: InterpolationMode.Bicubic, align_corners: false);
        return (resized + window.tile([1, 1, grid / shape.Windows[0], grid / shape.Windows[0]])).permute(0, 2, 3, 1).contiguous();
    }

    private static Tensor MaxPool2x2(Tensor x) => F.max_pool2d(x.permute(0, 3, 1, 2), [2, 2], [2, 2]).permute(0, 2, 3, 1);

    private sealed class Block
    {
        private readonly Tensor norm1Weight, norm1Bias, qkvWeight, qkvBias, projWeight, projBias;
        private readonly Tensor norm2Weight, norm2Bias, mlp0Weight, mlp0Bias, mlp1Weight, mlp1Bias;
        private readonly Tensor? shortcutWeight, shortcutBias;

        public Block(BlockShape shape, Func<string, long[], Tensor> parameter)
        {
            Shape = shape;
            var (input, output) = (shape.Input, shape.Output);
            norm1Weight = parameter("norm1.weight", [input]);
            norm1Bias = parameter("norm1.bias", [input]);
            qkvWeight = parameter("attn.qkv.weight", [3 * output, input]);
            qkvBias = parameter("attn.qkv.bias", [3 * output]);
            projWeight = parameter("attn.proj.weight", [output, output]);
            projBias = parameter("attn.proj.bias", [output]);
            norm2Weight = parameter("norm2.weight", [output]);
            norm2Bias = parameter("norm2.bias", [output]);
            mlp0Weight = parameter("mlp.layers.0.weight", [4 * output, output]);
            mlp0Bias = parameter("mlp.layers.0.bias", [4 * output]);
            mlp1Weight = parameter("mlp.layers.1.weight", [output, 4 * output]);
            mlp1Bias = parameter("mlp.layers.1.bias", [output]);
            if (!shape.Halves) return;
            shortcutWeight = parameter("proj.weight", [output, input]);
            shortcutBias = parameter("proj.bias", [output]);
        }

        public BlockShape Shape { get; }

        /// <summary>[1, grid, grid, input] to [1, grid, grid, output], or half the grid where the block halves it.</summary>
        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var normed = F.layer_norm(x, [Shape.Input], norm1Weight, norm1Bias, NormEpsilon);
            var shortcut = Shape.Halves ? MaxPool2x2(F.linear(normed, shortcutWeight!, shortcutBias)) : x;
            var attended = Shape.Window == 0 ? Attention(normed) : Windowed(normed);
            // What pads the windows is cut off by a view: a sum in place would keep its gaps.
            x = attended.is_contiguous() ? attended.add_(shortcut) : shortcut + attended;
            var hidden = F.linear(F.layer_norm(x, [Shape.Output], norm2Weight, norm2Bias, NormEpsilon), mlp0Weight, mlp0Bias);
            return F.linear(F.gelu(hidden, inplace: true), mlp1Weight, mlp1Bias).add_(x).MoveToOuterDisposeScope();
        }

        /// <summary>Attention within windows; what does not fill a window is padded with zeros, which act as keys like any token.</summary>
        private Tensor Windowed(Tensor x)
        {
            var (side, grid) = (Shape.Window, Shape.Grid);
            var windows = (grid + side - 1) / side;
            var pad = (windows * side) - grid;
            if (pad > 0) x = F.pad(x, [0, 0, 0, pad, 0, pad]);
            x = x.view(1, windows, side, windows, side, Shape.Input).permute(0, 1, 3, 2, 4, 5).reshape(windows * windows, side, side, Shape.Input);

            x = Attention(x);

            var outSide = Shape.Halves ? side / 2 : side;
            var outGrid = Shape.Halves ? grid / 2 : grid;
            x = x.view(1, windows, windows, outSide, outSide, Shape.Output).permute(0, 1, 3, 2, 4, 5)
                .reshape(1, windows * outSide, windows * outSide, Shape.Output);
            return pad > 0 ? x[.., ..outGrid, ..outGrid] : x;
        }

        /// <summary>[windows, side, side, input] to [windows, side, side, output], or half the side where queries are pooled.</summary>
        private Tensor Attention(Tensor x)
        {
            var (windows, side) = (x.shape[0], x.shape[1]);
            var headDim = Shape.Output / Shape.Heads;
            var qkv = F.linear(x, qkvWeight, qkvBias).view(windows, side * side, 3, Shape.Heads, headDim).unbind(2);
            var (q, k, v) = (qkv[0], qkv[1], qkv[2]);
            if (Shape.Halves)
            {
                q = MaxPool2x2(q.reshape(windows, side, side, Shape.Output));
                side /= 2;
                q = q.reshape(windows, side * side, Shape.Heads, headDim);
            }

            var attended = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2));
            return F.linear(attended.transpose(1, 2).reshape(windows, side, side, Shape.Output), projWeight, projBias);
        }
    }
}
