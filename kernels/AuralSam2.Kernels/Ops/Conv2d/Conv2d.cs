namespace AuralSam2.Kernels.Ops;

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

    /// <summary>Lays out a weight that is trained: its tensors are read now, and again by <see cref="ConvWeights.Refresh"/>.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[outputs, channels, kernel, kernel]</c>, dense; stays the caller's.</param>
    /// <param name="bias"><c>[outputs]</c>, dense, or empty for none; stays the caller's.</param>
    /// <param name="stride">Step.</param>
    /// <param name="padding">Zeros around the image.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static ConvWeights Pack(Device device, Tensor weight, Tensor bias, int stride, int padding)
    {
        OpArguments.Require(
            weight.Shape.Rank == 4 && weight.IsDense && weight.Length > 0 && weight.Shape[2] == weight.Shape[3] && stride > 0 && padding >= 0,
            "Conv2d", $"weight {weight}");
        var (outputs, kernel) = (weight.Shape[0], weight.Shape[3]);
        if (kernel == 1) return new ConvWeights(device, weight, bias, channelLast: default, kernel, stride, padding);
        var channelLast = device.AllocateTensor(outputs, kernel * kernel * weight.Shape[1]);
        ToChannelLast(device, weight, channelLast);
        return new ConvWeights(device, weight, bias, channelLast, kernel, stride, padding);
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

        var record = device.Recording("Conv2d", y, [x, w.Weight, w.Bias, residual]);
        if (record is not null && activation != Activation.None)
        {
            Forward(device, x, w, y, Activation.None, residual);
            Elementwise.Map(device, y, y, activation);
            return;
        }

        var gradient = record is null ? null : new Conv2dGradient(device, record, x, w, y, residual);
        Run(device, "Conv2d", x, w, y, activation, residual);
        record?.Commit(y, gradient!.Run);
    }

    /// <summary>The convolution alone, never recorded.</summary>
    internal static void Run(
        Device device, string op, Tensor x, ConvWeights w, Tensor y, Activation activation = Activation.None, Tensor residual = default)
    {
        using var timing = device.Time(
            op, Gemm.Flops(y.Rows, w.Matrix),
            4.0 * (x.Length + y.Length + (residual.IsEmpty ? 0 : residual.Length) + ((double)w.Matrix.Inputs * w.Outputs)),
            $"{x.Shape} to {y.Shape} k {w.Kernel}");
        switch (device)
        {
            case CpuDevice cpu: Conv2dCpu.Run(cpu, x, w, y, activation, residual); break;
            case IlgpuDevice gpu: Conv2dGpu.Run(gpu, x, w, y, activation, residual); break;
            default: throw device.Unsupported(op);
        }
    }

    /// <summary>A weight <c>[outputs, channels, kernel, kernel]</c> as <c>[outputs, kernel * kernel * channels]</c>.</summary>
    internal static void ToChannelLast(Device device, Tensor weight, Tensor channelLast)
    {
        var (outputs, channels, taps) = (weight.Shape[0], weight.Shape[1], weight.Shape[2] * weight.Shape[3]);
        WeightLayout.Transpose(device, weight.Reshape(outputs, channels, taps), channelLast.Reshape(outputs, taps, channels));
    }
}
