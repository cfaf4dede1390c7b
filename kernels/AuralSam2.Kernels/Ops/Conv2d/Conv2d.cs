namespace AuralSam2.Kernels.Ops;

/// <summary>A convolution's weights, re-laid for channel-last images: <c>[outputs, kernel row, kernel column, input channel]</c>.</summary>
/// <param name="Matrix">The weight as a matrix, with its bias.</param>
/// <param name="Channels">Input channels.</param>
/// <param name="Kernel">Edge of the square kernel.</param>
/// <param name="Stride">Step in both directions.</param>
/// <param name="Padding">Zeros around the image.</param>
public sealed record ConvWeights(PackedMatrix Matrix, int Channels, int Kernel, int Stride, int Padding) : IDisposable
{
    /// <summary>Output channels.</summary>
    public int Outputs => Matrix.Outputs;

    /// <summary>Extent of the result for an input extent.</summary>
    public int OutputSize(int size) => ((size + (2 * Padding) - Kernel) / Stride) + 1;

    /// <summary>The same for several neighbouring output pixels at once, where few output channels would leave vectors of the CPU half empty.</summary>
    internal PackedMatrix? Widened { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Matrix.Dispose();
        Widened?.Dispose();
    }
}

/// <summary>
/// Convolution of channel-last images as a matrix product whose left operand is gathered on the way (implicit GEMM): patch embeddings,
/// 1x1, 3x3, and kernels that step by their own size.
/// </summary>
public static class Conv2d
{
    /// <summary>Lays out a weight of a checkpoint.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[outputs, channels, kernel, kernel]</c>, row-major.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="bias"><c>[outputs]</c>, or empty.</param>
    /// <param name="kernel">Edge of the kernel.</param>
    /// <param name="stride">Step.</param>
    /// <param name="padding">Zeros around the image.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static ConvWeights Pack(
        Device device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias, int kernel, int stride, int padding)
    {
        var taps = kernel * kernel;
        OpArguments.Require(
            outputs > 0 && weight.Length % (outputs * taps) == 0 && stride > 0 && padding >= 0,
            "Conv2d", $"{weight.Length} weights, {outputs} outputs, kernel {kernel}");
        var channels = weight.Length / (outputs * taps);
        if (taps == 1) return new ConvWeights(Gemm.Pack(device, weight, outputs, bias), channels, kernel, stride, padding);
        var channelLast = new float[weight.Length];
        for (var o = 0; o < outputs; o++)
        {
            var from = weight.Slice(o * channels * taps, channels * taps);
            var to = channelLast.AsSpan(o * channels * taps, channels * taps);
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++) to[(t * channels) + c] = from[(c * taps) + t];
        }

        var together = device is CpuDevice lanes ? Conv2dCpu.PixelsInVector(lanes, outputs) : 1;
        return new ConvWeights(Gemm.Pack(device, channelLast, outputs, bias), channels, kernel, stride, padding)
        {
            Widened = together > 1 ? Conv2dCpu.Widen((CpuDevice)device, channelLast, outputs, bias, kernel, stride, together) : null,
        };
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c> or <c>[batch, height, width, channels]</c>, dense.</param>
    /// <param name="weights">Packed weights.</param>
    /// <param name="y"><c>[(batch,) output height, output width, outputs]</c>.</param>
    /// <param name="activation">Applied last.</param>
    /// <param name="residual">Optional, shape of y or of one image of it: added before the activation.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or the kernel is larger than the padded image.</exception>
    public static void Forward(
        Device device, Tensor x, ConvWeights weights, Tensor y, Activation activation = Activation.None, Tensor residual = default)
    {
        var w = weights;
        OpArguments.Require(
            x.Shape.Rank is 3 or 4 && x.IsDense && x.Columns == w.Channels && y.Shape.Rank == x.Shape.Rank && y.Columns == w.Outputs,
            "Conv2d", $"x {x}, y {y}, {w.Channels} channels to {w.Outputs}");
        OpArguments.Require(
            Math.Min(x.Shape[^3], x.Shape[^2]) + (2 * w.Padding) >= w.Kernel,
            "Conv2d", $"x {x} is smaller than kernel {w.Kernel} with padding {w.Padding}");
        OpArguments.Require(
            y.Shape[^3] == w.OutputSize(x.Shape[^3]) && y.Shape[^2] == w.OutputSize(x.Shape[^2]) && (x.Shape.Rank == 3 || x.Shape[0] == y.Shape[0]),
            "Conv2d", $"x {x}, y {y}, kernel {w.Kernel} stride {w.Stride} padding {w.Padding}");
        OpArguments.Require(
            residual.IsEmpty || (residual.Columns == y.Columns && (y.Rows == 0 || (residual.Rows > 0 && y.Rows % residual.Rows == 0))),
            "Conv2d", $"residual {residual} for y {y}");
        if (w is { Kernel: 1, Stride: 1, Padding: 0 })
        {
            Gemm.Forward(device, x, w.Matrix, y, new GemmFusion { Activation = activation, Residual = residual });
            return;
        }

        using var timing = device.Time(
            "Conv2d", Gemm.Flops(y.Rows, w.Matrix),
            4.0 * (x.Length + y.Length + (residual.IsEmpty ? 0 : residual.Length) + ((double)w.Matrix.Inputs * w.Outputs)),
            $"{x.Shape} to {y.Shape} k {w.Kernel}");
        switch (device)
        {
            case CpuDevice cpu: Conv2dCpu.Run(cpu, x, w, y, activation, residual); break;
            case IlgpuDevice gpu: Conv2dGpu.Run(gpu, x, w, y, activation, residual); break;
            default: throw device.Unsupported("Conv2d");
        }
    }
}
