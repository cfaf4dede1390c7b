using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>A frame and its mask become a memory.</summary>
internal sealed class TorchMemoryEncoder
{
    private const int Channels = 256;
    private const int MemoryChannels = 64;

    /// <summary>
    /// Maps of 4 and 16 channels stay channel-first: PyTorch's layer norm needs a row of some length to be fast, ten times as long for
    /// four channels as the norm written out.
    /// </summary>
    private const int NarrowLayers = 2;

    private readonly Convolution[] down;
    private readonly Norm[] downNorms;
    private readonly Linear maskOut, pixelProjection, output;
    private readonly Block[] fuser;

    public TorchMemoryEncoder(PeerParameters parameters)
    {
        const string prefix = "memory_encoder.", mask = prefix + "mask_downsampler.encoder.";
        long[] widths = [1, 4, 16, 64, Channels];
        down =
        [
            .. Enumerable.Range(0, 4).Select(i => parameters.Convolution(
                mask + (3 * i), widths[i + 1], widths[i], kernel: 3, stride: 2, padding: 1, isChannelLast: i >= NarrowLayers)),
        ];
        downNorms = [.. Enumerable.Range(0, 4).Select(i => parameters.Norm(mask + ((3 * i) + 1), widths[i + 1], 1e-6))];
        maskOut = parameters.Pointwise(mask + "12", Channels, Channels);
        pixelProjection = parameters.Pointwise(prefix + "pix_feat_proj", Channels, Channels);
        fuser = [.. Enumerable.Range(0, 2).Select(i => new Block($"{prefix}fuser.layers.{i}", parameters))];
        output = parameters.Pointwise(prefix + "out_proj", MemoryChannels, Channels);
    }

    /// <summary>Encodes a memory.</summary>
    /// <param name="image"><c>[cells, 256]</c>.</param>
    /// <param name="mask">Logits <c>[size, size]</c>, binarised here to -10 and 10.</param>
    /// <returns><c>[cells, 64]</c>; the caller disposes it.</returns>
    public Tensor Forward(Tensor image, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var x = mask.gt(0).to(mask.dtype).mul_(20).sub_(10).unsqueeze(0).unsqueeze(0).permute(0, 2, 3, 1); // channel-first in memory
        for (var i = 0; i < down.Length; i++)
        {
            x = down[i].Forward(x);
            x = F.gelu(i < NarrowLayers ? NormWrittenOut(x, downNorms[i]) : downNorms[i].Forward(x), inplace: true);
        }

        x = maskOut.Forward(x).add_(pixelProjection.Forward(image).view(x.shape));
        foreach (var block in fuser) block.Forward(x);
        return output.Forward(x).view(-1, MemoryChannels).MoveToOuterDisposeScope();
    }

    /// <summary>Layer norm in place on <c>[1, h, w, c]</c> whose channels lie farthest apart.</summary>
    private static Tensor NormWrittenOut(Tensor x, Norm norm)
    {
        x.sub_(x.mean([3], keepdim: true));
        var scale = x.square().mean([3], keepdim: true).add_(norm.Epsilon).rsqrt_();
        return x.mul_(scale).mul_(norm.Weight).add_(norm.Bias);
    }

    /// <summary>A ConvNeXt block; its layer scale is folded into the last layer.</summary>
    private sealed class Block
    {
        private readonly Convolution depthwise;
        private readonly Norm norm;
        private readonly Linear expand, contract;

        public Block(string prefix, PeerParameters parameters)
        {
            depthwise = parameters.Convolution(prefix + ".dwconv", Channels, Channels, kernel: 7, stride: 1, padding: 3, groups: Channels);
            norm = parameters.Norm(prefix + ".norm", Channels, 1e-6);
            expand = parameters.Linear(prefix + ".pwconv1", 4 * Channels, Channels);
            var gamma = RuleTensors.Parameter(prefix + ".gamma", Channels);
            contract = new Linear(
                parameters.Own(RuleTensors.Parameter(prefix + ".pwconv2.weight", Channels, 4 * Channels) * gamma.unsqueeze(1)),
                parameters.Own(RuleTensors.Parameter(prefix + ".pwconv2.bias", Channels) * gamma));
        }

        /// <summary>In place on <c>[1, grid, grid, 256]</c>.</summary>
        public void Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            x.add_(contract.Forward(F.gelu(expand.Forward(norm.Forward(depthwise.Forward(x))), inplace: true)));
        }
    }
}
