namespace AuralSam2.Kernels.Ops;

/// <summary>A convolution's weights, re-laid for channel-last images: <c>[outputs, kernel row, kernel column, input channel]</c>.</summary>
/// <param name="Matrix">The weight as a matrix, with its bias.</param>
/// <param name="Channels">Input channels.</param>
/// <param name="Kernel">Edge of the square kernel.</param>
/// <param name="Stride">Step in both directions.</param>
/// <param name="Padding">Zeros around the image.</param>
public sealed record ConvWeights(PackedMatrix Matrix, int Channels, int Kernel, int Stride, int Padding) : ITrainable, IDisposable
{
    private readonly Device? device;
    private readonly Tensor channelLast;

    /// <summary>Weights that are trained.</summary>
    /// <param name="device">Where they are.</param>
    /// <param name="weight"><c>[outputs, channels, kernel, kernel]</c>, dense.</param>
    /// <param name="bias"><c>[outputs]</c>, or empty.</param>
    /// <param name="channelLast"><c>[outputs, kernel * kernel * channels]</c>: the weight re-laid, owned; empty where the layouts are one.</param>
    /// <param name="kernel">Edge of the kernel.</param>
    /// <param name="stride">Step.</param>
    /// <param name="padding">Zeros around the image.</param>
    internal ConvWeights(Device device, Tensor weight, Tensor bias, Tensor channelLast, int kernel, int stride, int padding)
        : this(
            Gemm.Pack(device, channelLast.IsEmpty ? weight.Reshape(weight.Shape[0], weight.Shape[1]) : channelLast, bias),
            weight.Shape[1], kernel, stride, padding)
    {
        (this.device, this.channelLast, Weight) = (device, channelLast, weight);
    }

    /// <summary>Output channels.</summary>
    public int Outputs => Matrix.Outputs;

    /// <summary><c>[outputs, channels, kernel, kernel]</c>: the weight as trained; empty when it is frozen.</summary>
    public Tensor Weight { get; }

    /// <summary><c>[outputs]</c>: the bias as trained; empty when there is none, or the weights are frozen.</summary>
    public Tensor Bias => Matrix.Bias;

    /// <summary>The same for several neighbouring output pixels at once, where few output channels would leave vectors of the CPU half empty.</summary>
    internal PackedMatrix? Widened { get; init; }

    /// <summary>Extent of the result for an input extent.</summary>
    public int OutputSize(int size) => ((size + (2 * Padding) - Kernel) / Stride) + 1;

    /// <inheritdoc/>
    public void Refresh()
    {
        if (!channelLast.IsEmpty) Conv2d.ToChannelLast(device!, Weight, channelLast);
        Matrix.Refresh();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Matrix.Dispose();
        Widened?.Dispose();
        if (!channelLast.IsEmpty) channelLast.Buffer.Dispose();
    }
}
