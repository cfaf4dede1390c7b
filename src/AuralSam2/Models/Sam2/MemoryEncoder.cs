using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Sam2;

/// <summary>A frame and its mask become a memory (SPEC 6).</summary>
internal sealed class MemoryEncoder
{
    /// <summary>Channels of a memory.</summary>
    public const int MemoryChannels = 64;

    private const int Channels = 256;

    private const string Path = "memory_encoder";
    private const string DownPath = Path + ".mask_downsampler";

    private readonly Device device;
    private readonly ConvWeights[] down;
    private readonly NormWeights[] downNorms;
    private readonly PackedMatrix maskOut;
    private readonly PackedMatrix pixelProjection;
    private readonly ConvNextBlock[] fuser;
    private readonly PackedMatrix output;

    public MemoryEncoder(ParameterBinder binder)
    {
        device = binder.Device;
        ReadOnlySpan<int> widths = [1, 4, 16, 64, Channels];
        down = new ConvWeights[4];
        downNorms = new NormWeights[4];
        for (var i = 0; i < 4; i++)
        {
            down[i] = binder.Convolution($"{Path}.mask_downsampler.encoder.{3 * i}", widths[i + 1], widths[i], kernel: 3, stride: 2, padding: 1);
            downNorms[i] = binder.Norm($"{Path}.mask_downsampler.encoder.{(3 * i) + 1}", widths[i + 1], 1e-6f);
        }

        maskOut = binder.Pointwise(Path + ".mask_downsampler.encoder.12", Channels, Channels);
        pixelProjection = binder.Pointwise(Path + ".pix_feat_proj", Channels, Channels);
        fuser = [.. Enumerable.Range(0, 2).Select(i => new ConvNextBlock(binder, $"{Path}.fuser.layers.{i}"))];
        output = binder.Pointwise(Path + ".out_proj", MemoryChannels, Channels);
    }

    /// <summary>Encodes one memory.</summary>
    /// <param name="image"><c>[grid, grid, 256]</c>: the frame's stride-16 map, not conditioned on memory.</param>
    /// <param name="mask"><c>[size, size, 1]</c>, already scaled to -10 .. 10.</param>
    /// <param name="y"><c>[grid, grid, 64]</c>.</param>
    /// <param name="name">Prefix in fixtures.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(Tensor image, Tensor mask, Tensor y, string name = "memenc", StageObserver? observe = null)
    {
        using var module = device.Module(Path);
        using var scope = device.Scope();
        var (x, encoder) = (mask, name + ".mask_downsampler.encoder");
        for (var i = 0; i < down.Length; i++)
        {
            var half = device.Rent(x.Shape[0] / 2, x.Shape[1] / 2, down[i].Outputs);
            using (device.Module(DownPath)) Conv2d.Forward(device, x, down[i], half);
            observe?.Invoke($"{encoder}.{3 * i}", half, StageLayout.Map);
            if (observe is not null)
            {
                var normalised = device.Rent(half.Shape[0], half.Shape[1], half.Columns);
                LayerNorm.Forward(device, half, downNorms[i], normalised);
                observe($"{encoder}.{(3 * i) + 1}", normalised, StageLayout.Map);
            }

            using (device.Module(DownPath)) LayerNorm.Forward(device, half, downNorms[i], half, activation: Activation.Gelu);
            observe?.Invoke($"{encoder}.{(3 * i) + 2}", half, StageLayout.Map);
            x = half;
        }

        var fused = device.Rent(image.Shape[0], image.Shape[1], Channels);
        if (observe is not null)
        {
            Gemm.Forward(device, x, maskOut, fused);
            observe(encoder + ".12", fused, StageLayout.Map);
            observe(encoder, fused, StageLayout.Map);
            observe(name + ".mask_downsampler", fused, StageLayout.Map);
            Gemm.Forward(device, image, pixelProjection, fused);
            observe(name + ".pix_feat_proj", fused, StageLayout.Map);
        }

        using (device.Module(Path + ".pix_feat_proj")) Gemm.Forward(device, image, pixelProjection, fused);
        using (device.Module(DownPath)) Gemm.Forward(device, x, maskOut, fused, new GemmFusion { Residual = fused });
        for (var i = 0; i < fuser.Length; i++) fuser[i].Forward(device, fused, $"{name}.fuser.layers.{i}", observe);
        observe?.Invoke(name + ".fuser", fused, StageLayout.Map);
        Gemm.Forward(device, fused, output, y);
        observe?.Invoke(name + ".out_proj", y, StageLayout.Map);
        observe?.Invoke(name + ".features", y, StageLayout.Map);
    }

    /// <summary>x += gamma (W2 gelu(W1 norm(depthwise 7x7 x))) (ConvNeXt, Liu et al. 2022).</summary>
    private sealed class ConvNextBlock
    {
        private const int Hidden = 1024;

        private readonly DepthwiseWeights depthwise;
        private readonly NormWeights norm;
        private readonly PackedMatrix expand;
        private readonly PackedMatrix contract; // layer scale gamma folded in
        private readonly float[] gamma;
        private readonly string path;

        public ConvNextBlock(ParameterBinder binder, string prefix)
        {
            path = prefix;
            gamma = binder.Host(prefix + ".gamma", Channels);
            depthwise = binder.Depthwise(prefix + ".dwconv", Channels, kernel: 7);
            norm = binder.Norm(prefix + ".norm", Channels, 1e-6f);
            expand = binder.Linear(prefix + ".pwconv1", Hidden, Channels);
            float[] weight = binder.Host(prefix + ".pwconv2.weight", Channels, Hidden), bias = binder.Host(prefix + ".pwconv2.bias", Channels);
            if (binder.Declaring)
            {
                contract = null!;
                return;
            }

            for (var o = 0; o < Channels; o++)
            {
                for (var i = 0; i < Hidden; i++) weight[(o * Hidden) + i] *= gamma[o];
                bias[o] *= gamma[o];
            }

            contract = binder.Own(Gemm.Pack(binder.Device, weight, Channels, bias));
        }

        public void Forward(Device device, Tensor x, string name, StageObserver? observe)
        {
            using var module = device.Module(path);
            using var scope = device.Scope();
            Tensor local = device.Rent(x.Shape[0], x.Shape[1], Channels), hidden = device.Rent(x.Shape[0], x.Shape[1], Hidden);
            DepthwiseConv2d.Forward(device, x, depthwise, local);
            if (observe is not null)
            {
                observe(name + ".dwconv", local, StageLayout.Map);
                var normalised = device.Rent(x.Shape[0], x.Shape[1], Channels);
                LayerNorm.Forward(device, local, norm, normalised);
                observe(name + ".norm", normalised, StageLayout.Map);
                Gemm.Forward(device, normalised, expand, hidden);
                observe(name + ".pwconv1", hidden);
            }

            Gemm.Forward(device, local, expand, hidden, new GemmFusion { Norm = norm, Activation = Activation.Gelu });
            if (observe is not null)
            {
                observe(name + ".act", hidden);
                Gemm.Forward(device, hidden, contract, local);
                var unscaled = new float[local.Length];
                device.Download(local, unscaled);
                for (var i = 0; i < unscaled.Length; i++) unscaled[i] /= gamma[i % Channels];
                device.Upload(unscaled, local);
                observe(name + ".pwconv2", local);
            }

            Gemm.Forward(device, hidden, contract, x, new GemmFusion { Residual = x });
            observe?.Invoke(name, x, StageLayout.Map);
        }
    }
}
