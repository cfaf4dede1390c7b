namespace AuralSam2.Kernels.Ops;

/// <summary>A depthwise convolution's weights: <c>[kernel * kernel, channels]</c>, so that neighbouring channels are neighbours in memory.</summary>
/// <param name="Taps"><c>[kernel * kernel, channels]</c>.</param>
/// <param name="Bias"><c>[channels]</c>.</param>
/// <param name="Kernel">Edge of the square kernel, odd; the image is padded by half of it.</param>
public readonly record struct DepthwiseWeights(Tensor Taps, Tensor Bias, int Kernel);

/// <summary>Convolution of each channel with a kernel of its own, stride 1, size preserved; channel-last.</summary>
public static class DepthwiseConv2d
{
    /// <summary>Lays out a weight of a checkpoint.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[channels, 1, kernel, kernel]</c>, row-major.</param>
    /// <param name="bias"><c>[channels]</c>.</param>
    /// <exception cref="ArgumentException">The kernel is not square and odd.</exception>
    public static DepthwiseWeights Pack(Device device, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias)
    {
        var channels = bias.Length;
        var taps = channels == 0 ? 0 : weight.Length / channels;
        var kernel = (int)Math.Sqrt(taps);
        OpArguments.Require(
            channels > 0 && kernel * kernel * channels == weight.Length && kernel % 2 == 1,
            "DepthwiseConv2d", $"{weight.Length} weights for {channels} channels");
        var turned = new float[weight.Length];
        for (var c = 0; c < channels; c++)
            for (var t = 0; t < taps; t++) turned[(t * channels) + c] = weight[(c * taps) + t];
        var (tapTensor, biasTensor) = (device.AllocateTensor(taps, channels), device.AllocateTensor(channels));
        device.Upload(turned, tapTensor);
        device.Upload(bias, biasTensor);
        return new DepthwiseWeights(tapTensor, biasTensor, kernel);
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c> or <c>[batch, height, width, channels]</c>, dense.</param>
    /// <param name="weights">Packed weights.</param>
    /// <param name="y">Shape of x; not x itself.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, in DepthwiseWeights weights, Tensor y, Activation activation = Activation.None)
    {
        var w = weights;
        OpArguments.Require(
            x.Shape.Rank is 3 or 4 && x.Shape == y.Shape && x.IsDense && y.IsDense && x.Columns == w.Bias.Length,
            "DepthwiseConv2d", $"x {x}, y {y}, {w.Bias.Length} channels");
        using var timing = device.Time("DepthwiseConv2d", 2.0 * x.Length * w.Kernel * w.Kernel, 8.0 * x.Length, $"{x.Shape} k {w.Kernel}");
        switch (device)
        {
            case CpuDevice cpu: DepthwiseConv2dCpu.Run(cpu, x, w, y, activation); break;
            case IlgpuDevice gpu: DepthwiseConv2dGpu.Forward(gpu, x, w, y, activation); break;
            default: throw device.Unsupported("DepthwiseConv2d");
        }
    }
}
