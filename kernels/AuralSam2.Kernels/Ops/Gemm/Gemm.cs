namespace AuralSam2.Kernels.Ops;

/// <summary>What a matrix product does around itself.</summary>
public readonly record struct GemmFusion
{
    /// <summary>Layer norm of the rows of x before the product.</summary>
    public NormWeights? Norm { get; init; }

    /// <summary>Applied to product + bias (+ residual).</summary>
    public Activation Activation { get; init; }

    /// <summary><c>[rows, outputs]</c>, or <c>[n, outputs]</c> with n dividing rows, added to the product; may be y itself.</summary>
    public Tensor Residual { get; init; }
}

/// <summary>
/// The linear layer y = act(norm(x) W^T + b + residual), weights packed once. Norm, bias, activation and residual are fused:
/// x is read once and y written once.
/// </summary>
public static class Gemm
{
    /// <summary>Lays out a weight for this device.</summary>
    /// <param name="device">Where the product will run.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>, row-major: the layout of a linear layer in a checkpoint.</param>
    /// <param name="outputs">Rows of the weight.</param>
    /// <param name="bias"><c>[outputs]</c>, or empty for none.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static PackedMatrix Pack(Device device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias)
    {
        if (outputs < 1 || weight.Length % outputs != 0 || (bias.Length != 0 && bias.Length != outputs))
            throw new ArgumentException($"Gemm: {weight.Length} weights and {bias.Length} biases for {outputs} outputs");
        return device switch
        {
            CpuDevice cpu => new CpuPackedMatrix(cpu, weight, outputs, bias),
            IlgpuDevice gpu => new GpuPackedMatrix(gpu, weight, outputs, bias),
            _ => throw device.Unsupported("Gemm"),
        };
    }

    /// <summary>Lays out a weight that is trained: its tensors are read now, and again by <see cref="PackedMatrix.Refresh"/>.</summary>
    /// <param name="device">Where the product will run.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>, dense; stays the caller's.</param>
    /// <param name="bias"><c>[outputs]</c>, dense, or empty for none; stays the caller's.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static PackedMatrix Pack(Device device, Tensor weight, Tensor bias)
    {
        OpArguments.Require(
            weight is { IsDense: true, Rows: > 0 } && (bias.IsEmpty || (bias.IsDense && bias.Length == weight.Rows)),
            "Gemm", $"weight {weight}, bias {bias}");
        return device switch
        {
            CpuDevice cpu => new CpuPackedMatrix(cpu, weight, bias),
            IlgpuDevice gpu => new GpuPackedMatrix(gpu, weight, bias),
            _ => throw device.Unsupported("Gemm"),
        };
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, inputs]</c>; rows may be strided.</param>
    /// <param name="weight">The packed weight and bias.</param>
    /// <param name="y"><c>[rows, outputs]</c>; rows may be strided; must not overlap x.</param>
    /// <param name="fusion">Norm before, activation and residual after.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, PackedMatrix weight, Tensor y, in GemmFusion fusion = default)
    {
        OpArguments.Require(
            x.Columns == weight.Inputs && y.Columns == weight.Outputs && x.Rows == y.Rows,
            "Gemm", $"x {x}, weight [{weight.Outputs}, {weight.Inputs}], y {y}");
        OpArguments.Require(
            fusion.Residual.IsEmpty ||
            (fusion.Residual.Columns == y.Columns && (y.Rows == 0 || (fusion.Residual.Rows > 0 && y.Rows % fusion.Residual.Rows == 0))),
            "Gemm", $"residual {fusion.Residual} for y {y}");
        OpArguments.Require(
            fusion.Norm is not { } norm || (norm.Weight.Length == x.Columns && norm.Bias.Length == x.Columns),
            "Gemm", $"norm weight {fusion.Norm?.Weight}, bias {fusion.Norm?.Bias} for x {x}");
        var record = device.Recording(
            "Gemm", y, [x, weight.Weight, weight.Bias, fusion.Residual, fusion.Norm?.Weight ?? default, fusion.Norm?.Bias ?? default]);
        if (record is not null && fusion.Activation != Activation.None)
        {
            Forward(device, x, weight, y, fusion with { Activation = Activation.None });
            Elementwise.Map(device, y, y, fusion.Activation);
            return;
        }

        var gradient = record is null ? null : new GemmGradient(device, record, x, weight, y, fusion);
        Run(device, "Gemm", x, weight, y, fusion);
        record?.Commit(y, gradient!.Run);
    }

    /// <summary>The product alone, never recorded.</summary>
    internal static void Run(Device device, string op, Tensor x, PackedMatrix weight, Tensor y, in GemmFusion fusion = default)
    {
        using var timing = device.Time(op, Flops(x.Rows, weight), Bytes(x, weight, y, fusion), $"m {x.Rows} n {weight.Outputs} k {weight.Inputs}");
        switch (device)
        {
            case CpuDevice cpu: GemmCpu.Run(cpu, x, CpuPackedMatrix.For(cpu, weight), y, fusion); break;
            case IlgpuDevice gpu: GemmGpu.Run(gpu, x, weight, y, fusion); break;
            default: throw device.Unsupported("Gemm");
        }
    }

    /// <summary>Declared operations of a product over <paramref name="rows"/> rows.</summary>
    internal static double Flops(long rows, PackedMatrix weight) => 2.0 * rows * weight.Inputs * weight.Outputs;

    private static double Bytes(Tensor x, PackedMatrix weight, Tensor y, in GemmFusion fusion) =>
        4.0 * (x.Length + y.Length + ((double)weight.Inputs * weight.Outputs) + (fusion.Residual.IsEmpty ? 0 : fusion.Residual.Length));
}
