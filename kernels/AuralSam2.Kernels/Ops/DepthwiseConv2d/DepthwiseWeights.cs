namespace AuralSam2.Kernels.Ops;

/// <summary>A depthwise convolution's weights: <c>[kernel * kernel, channels]</c>, so that neighbouring channels are neighbours in memory.</summary>
public sealed class DepthwiseWeights : ITrainable, IDisposable
{
    private readonly Device? device;

    /// <summary>Frozen weights; owns the tensors.</summary>
    internal DepthwiseWeights(Tensor taps, Tensor bias, int kernel) => (Taps, Bias, Kernel) = (taps, bias, kernel);

    /// <summary>Weights that are trained.</summary>
    /// <param name="device">Where they are.</param>
    /// <param name="weight"><c>[channels, 1, kernel, kernel]</c>, dense.</param>
    /// <param name="bias"><c>[channels]</c>, dense.</param>
    internal DepthwiseWeights(Device device, Tensor weight, Tensor bias)
        : this(device.AllocateTensor(weight.Shape[2] * weight.Shape[3], weight.Shape[0]), bias, weight.Shape[3])
    {
        (this.device, Weight) = (device, weight);
        Refresh();
    }

    /// <summary><c>[kernel * kernel, channels]</c>.</summary>
    public Tensor Taps { get; }

    /// <summary><c>[channels]</c>; of trained weights the caller's own tensor.</summary>
    public Tensor Bias { get; }

    /// <summary>Edge of the square kernel, odd; the image is padded by half of it.</summary>
    public int Kernel { get; }

    /// <summary><c>[channels, 1, kernel, kernel]</c>: the weight as trained; empty when it is frozen.</summary>
    public Tensor Weight { get; }

    /// <inheritdoc/>
    public void Refresh()
    {
        if (Weight.IsEmpty) throw new InvalidOperationException($"a depthwise convolution of {Taps.Columns} channels is frozen");
        WeightLayout.Transpose(device!, Weight.Reshape(Taps.Columns, Taps.Rows), Taps);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Taps.Buffer.Dispose();
        if (Weight.IsEmpty) Bias.Buffer.Dispose();
    }
}
