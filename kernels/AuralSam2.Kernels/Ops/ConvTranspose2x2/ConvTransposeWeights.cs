namespace AuralSam2.Kernels.Ops;

/// <summary>Weights of a 2x2 stride-2 transposed convolution: one matrix for each of the two output rows that an input row makes.</summary>
public sealed class ConvTransposeWeights : ITrainable, IDisposable
{
    private readonly Device? device;
    private readonly Tensor laid; // [upper or lower, left or right, outputs, channels]
    private readonly Tensor biasTwice;
    private readonly Lazy<ConvWeights> adjoint;

    /// <summary>Frozen weights.</summary>
    /// <param name="upper">See <see cref="Upper"/>.</param>
    /// <param name="lower">See <see cref="Lower"/>.</param>
    /// <param name="adjoint">Makes <see cref="Adjoint"/>, should a gradient be carried back.</param>
    internal ConvTransposeWeights(PackedMatrix upper, PackedMatrix lower, Func<ConvWeights> adjoint)
    {
        (Upper, Lower) = (upper, lower);
        this.adjoint = new Lazy<ConvWeights>(adjoint);
    }

    /// <summary>Weights that are trained.</summary>
    /// <param name="device">Where they are.</param>
    /// <param name="weight"><c>[channels, outputs, 2, 2]</c>, dense.</param>
    /// <param name="bias"><c>[outputs]</c>, dense.</param>
    internal ConvTransposeWeights(Device device, Tensor weight, Tensor bias)
    {
        (this.device, Weight, Bias) = (device, weight, bias);
        var (channels, outputs) = (weight.Shape[0], weight.Shape[1]);
        (laid, biasTwice) = (device.AllocateTensor(4, outputs, channels), device.AllocateTensor(2, outputs));
        LayOut();
        (Upper, Lower) = (Pack(0), Pack(1));
        adjoint = new Lazy<ConvWeights>(() => Conv2d.Pack(device, weight, bias: default, stride: 2, padding: 0));

        PackedMatrix Pack(int row) =>
            Gemm.Pack(device, laid.Slice(2 * row, 2).Reshape(2 * outputs, channels), biasTwice.Reshape(2 * outputs));
    }

    /// <summary>Output row 2y: <c>[2 * outputs, channels]</c>, left pixel first.</summary>
    public PackedMatrix Upper { get; }

    /// <summary>Output row 2y + 1.</summary>
    public PackedMatrix Lower { get; }

    /// <summary>Output channels.</summary>
    public int Outputs => Upper.Outputs / 2;

    /// <summary><c>[channels, outputs, 2, 2]</c>: the weight as trained; empty when it is frozen.</summary>
    public Tensor Weight { get; }

    /// <summary><c>[outputs]</c>: the bias as trained; empty when it is frozen.</summary>
    public Tensor Bias { get; }

    /// <summary>The convolution with the same weight, which takes images of y to images of x: it carries gradients back.</summary>
    internal ConvWeights Adjoint => adjoint.Value;

    /// <inheritdoc/>
    public void Refresh()
    {
        if (Weight.IsEmpty) throw new InvalidOperationException($"a transposed convolution of {Upper.Inputs} to {Outputs} channels is frozen");
        LayOut();
        Upper.Refresh();
        Lower.Refresh();
        if (adjoint.IsValueCreated) adjoint.Value.Refresh();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Upper.Dispose();
        Lower.Dispose();
        if (adjoint.IsValueCreated) adjoint.Value.Dispose();
        if (Weight.IsEmpty) return;
        laid.Buffer.Dispose();
        biasTwice.Buffer.Dispose();
    }

    private void LayOut()
    {
        using var scope = device!.Scope();
        var (channels, outputs) = (Weight.Shape[0], Weight.Shape[1]);
        var turned = device.Rent(4 * outputs, channels); // [outputs, pixel of the block, channels]
        WeightLayout.Transpose(device, Weight.Reshape(channels, 4 * outputs), turned);
        var pixels = turned.Reshape(outputs, 4 * channels);
        for (var p = 0; p < 4; p++) device.CopyCore(pixels.SliceColumns(p * channels, channels), laid.At(p));
        for (var side = 0; side < 2; side++) device.CopyCore(Bias.Reshape(1, outputs), biasTwice.Slice(side, 1));
    }
}
