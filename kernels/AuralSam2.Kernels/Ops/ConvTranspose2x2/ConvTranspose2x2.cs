namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Transposed convolution, kernel 2, stride 2: every input pixel becomes a 2x2 block of its own. As matrix products: an input row times
/// <c>Upper</c> is output row 2y, already in place, because the two pixels of an input pixel are neighbours in memory.
/// </summary>
public static class ConvTranspose2x2
{
    /// <summary>Lays out a weight of a checkpoint.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[channels, outputs, 2, 2]</c>, row-major.</param>
    /// <param name="channels">Input channels.</param>
    /// <param name="bias"><c>[outputs]</c>.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static ConvTransposeWeights Pack(Device device, ReadOnlySpan<float> weight, int channels, ReadOnlySpan<float> bias)
    {
        var outputs = bias.Length;
        OpArguments.Require(
            weight.Length == channels * outputs * 4,
            "ConvTranspose2x2", $"{weight.Length} weights for {channels} channels to {outputs}");
        var biasTwice = new float[2 * outputs];
        bias.CopyTo(biasTwice);
        bias.CopyTo(biasTwice.AsSpan(outputs));
        var rows = new PackedMatrix[2];
        for (var dy = 0; dy < 2; dy++)
        {
            var matrix = new float[2 * outputs * channels];
            for (var dx = 0; dx < 2; dx++)
                for (var o = 0; o < outputs; o++)
                    for (var c = 0; c < channels; c++)
                        matrix[(((dx * outputs) + o) * channels) + c] = weight[((((c * outputs) + o) * 2) + dy) * 2 + dx];
            rows[dy] = Gemm.Pack(device, matrix, 2 * outputs, biasTwice);
        }

        var kept = weight.ToArray();
        return new ConvTransposeWeights(rows[0], rows[1], () => Conv2d.Pack(device, kept, channels, [], kernel: 2, stride: 2, padding: 0));
    }

    /// <summary>Lays out a weight that is trained: its tensors are read now, and again by <see cref="ConvTransposeWeights.Refresh"/>.</summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[channels, outputs, 2, 2]</c>, dense; stays the caller's.</param>
    /// <param name="bias"><c>[outputs]</c>, dense; stays the caller's.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static ConvTransposeWeights Pack(Device device, Tensor weight, Tensor bias)
    {
        OpArguments.Require(
            weight.Shape.Rank == 4 && weight.IsDense && weight.Length > 0 && weight.Shape[2] == 2 && weight.Shape[3] == 2 &&
            bias.IsDense && bias.Length == weight.Shape[1],
            "ConvTranspose2x2", $"weight {weight}, bias {bias}");
        return new ConvTransposeWeights(device, weight, bias);
    }

    /// <summary>Runs the convolution.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c>, dense.</param>
    /// <param name="weights">Packed weights.</param>
    /// <param name="y"><c>[2 height, 2 width, outputs]</c>, dense.</param>
    /// <param name="residual">Optional, shape of y: added to the result.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(
        Device device, Tensor x, ConvTransposeWeights weights, Tensor y, Tensor residual = default, Activation activation = Activation.None)
    {
        OpArguments.Require(
            x.Shape.Rank == 3 && y.Shape.Rank == 3 && x.IsDense && y.IsDense && x.Columns == weights.Upper.Inputs && y.Columns == weights.Outputs &&
            y.Shape[0] == 2 * x.Shape[0] && y.Shape[1] == 2 * x.Shape[1],
            "ConvTranspose2x2", $"x {x}, y {y}");
        OpArguments.Require(
            residual.IsEmpty || (residual.Shape == y.Shape && residual.IsDense),
            "ConvTranspose2x2", $"residual {residual} for y {y}");
        var record = device.Recording("ConvTranspose2x2", y, [x, weights.Weight, weights.Bias, residual]);
        if (record is null)
        {
            Run(device, x, weights, y, residual, activation);
            return;
        }

        if (activation != Activation.None)
        {
            Forward(device, x, weights, y, residual);
            Elementwise.Map(device, y, y, activation);
            return;
        }

        Record(device, record, x, weights, y, residual);
    }

    /// <summary>
    /// The gradient is that of the convolution turned round: it takes dy, kernel 2 and stride 2, to dx, and its weight is the same.
    /// </summary>
    private static void Record(Device device, TapeRecord record, Tensor x, ConvTransposeWeights weights, Tensor y, Tensor residual)
    {
        var (wantsX, wantsResidual) = (record.Wants(x), record.Wants(residual));
        var (wantsWeight, wantsBias) = (record.Wants(weights.Weight), record.Wants(weights.Bias));
        var before = wantsWeight ? record.Save(x) : default;
        Run(device, x, weights, y, residual, Activation.None);
        record.Commit(y, () =>
        {
            var dy = record.Gradient(y);
            if (wantsBias) RowSum.Run(device, dy, record.Gradient(weights.Bias).Reshape(1, weights.Outputs));
            if (wantsWeight) Conv2dGradient.AddToWeight(device, before, dy, record.Gradient(weights.Weight), stride: 2, padding: 0);
            if (wantsX)
            {
                var dx = record.Gradient(x);
                Conv2d.Run(device, "ConvTranspose2x2.Gradient", dy, weights.Adjoint, dx, residual: dx);
            }

            record.Keeps = wantsResidual && residual.IsSameAs(y);
            if (wantsResidual && !record.Keeps) Elementwise.Accumulate(device, dy, record.Gradient(residual));
        });
    }

    private static void Run(Device device, Tensor x, ConvTransposeWeights weights, Tensor y, Tensor residual, Activation activation)
    {
        using var timing = device.Time(
            "ConvTranspose2x2", 2 * Gemm.Flops(x.Rows, weights.Upper),
            4.0 * (x.Length + y.Length + (residual.IsEmpty ? 0 : residual.Length) + (4.0 * x.Columns * weights.Outputs)),
            $"{x.Shape} to {y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: ConvTranspose2x2Cpu.Run(cpu, x, weights, y, residual, activation); break;
            case IlgpuDevice gpu: ConvTranspose2x2Gpu.Run(gpu, x, weights, y, residual, activation); break;
            default: throw device.Unsupported("ConvTranspose2x2");
        }
    }
}
