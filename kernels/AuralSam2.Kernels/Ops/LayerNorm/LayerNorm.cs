namespace AuralSam2.Kernels.Ops;

/// <summary>The affine part of a layer norm.</summary>
/// <param name="Weight"><c>[channels]</c>.</param>
/// <param name="Bias"><c>[channels]</c>.</param>
/// <param name="Epsilon">Added to the variance.</param>
public readonly record struct NormWeights(Tensor Weight, Tensor Bias, float Epsilon);

/// <summary>
/// Layer normalisation over channels: y = act(w (x - mean) / sqrt(var + eps) + b) per row, biased variance.
/// With channel-last activations this is SAM2's <c>LayerNorm2d</c> as well.
/// </summary>
public static class LayerNorm
{
    /// <summary>Normalises every row.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="norm">Affine weights and epsilon.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be <paramref name="x"/>.</param>
    /// <param name="add">Optional <c>[rows, channels]</c>, added to x before the statistics: a residual connection.</param>
    /// <param name="activation">Applied last.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, in NormWeights norm, Tensor y, Tensor add = default, Activation activation = Activation.None)
    {
        OpArguments.Require(x.Columns == y.Columns && x.Rows == y.Rows, "LayerNorm", $"x {x} against y {y}");
        OpArguments.Require(
            norm.Weight.Length == x.Columns && norm.Bias.Length == x.Columns,
            "LayerNorm", $"weight {norm.Weight}, bias {norm.Bias} for x {x}");
        OpArguments.Require(add.IsEmpty || (add.Columns == x.Columns && add.Rows == x.Rows), "LayerNorm", $"x {x} against add {add}");
        var record = device.Recording("LayerNorm", y, [x, norm.Weight, norm.Bias, add]);
        if (record is not null && (!add.IsEmpty || activation != Activation.None))
        {
            // Their gradients are their own.
            if (!add.IsEmpty) Elementwise.Add(device, x, add, y);
            Forward(device, add.IsEmpty ? x : y, norm, y);
            if (activation != Activation.None) Elementwise.Map(device, y, y, activation);
            return;
        }

        if (record is not null)
        {
            Record(device, record, x, norm, y);
            return;
        }

        Run(device, x, norm, y, add, activation);
    }

    /// <summary>
    /// The gradient. With n = (x - mean) / deviation and g = w dy: dx += (g - mean(g) - n mean(g n)) / deviation; dw += sum dy n; db += sum dy.
    /// Mean and deviation are computed again: the row is read anyway.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[rows, channels]</c>: gradient of y.</param>
    /// <param name="x"><c>[rows, channels]</c>, as it was.</param>
    /// <param name="norm">Affine weights and epsilon.</param>
    /// <param name="dx"><c>[rows, channels]</c>, added to; when it is <paramref name="dy"/> itself, it is replaced. Empty: not wanted.</param>
    /// <param name="dw"><c>[channels]</c>, added to; empty: not wanted.</param>
    /// <param name="db"><c>[channels]</c>, added to; empty: not wanted.</param>
    internal static void Gradient(Device device, Tensor dy, Tensor x, in NormWeights norm, Tensor dx, Tensor dw, Tensor db)
    {
        if (x.Length == 0) return;
        using var timing = device.Time("LayerNorm.Gradient", 2 * Flops(x.Rows, x.Columns), (dx.IsEmpty ? 8.0 : 16.0) * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: LayerNormGradientCpu.Run(cpu, dy, x, norm, dx, dw, db); break;
            case IlgpuDevice gpu: LayerNormGradientGpu.Run(gpu, dy, x, norm, dx, dw, db); break;
            default: throw device.Unsupported("LayerNorm.Gradient");
        }
    }

    private static void Record(Device device, TapeRecord record, Tensor x, NormWeights norm, Tensor y)
    {
        var (wantsX, wantsWeight, wantsBias) = (record.Wants(x), record.Wants(norm.Weight), record.Wants(norm.Bias));
        var before = record.Save(x);
        Run(device, x, norm, y, add: default, Activation.None);
        record.Commit(y, () =>
        {
            Gradient(
                device, record.Gradient(y), before, norm, wantsX ? record.Gradient(x) : default,
                wantsWeight ? record.Gradient(norm.Weight) : default, wantsBias ? record.Gradient(norm.Bias) : default);
            record.Keeps = wantsX && x.IsSameAs(y);
        });
    }

    private static void Run(Device device, Tensor x, in NormWeights norm, Tensor y, Tensor add, Activation activation)
    {
        using var timing = device.Time("LayerNorm", Flops(x.Rows, x.Columns), (add.IsEmpty ? 8.0 : 12.0) * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: LayerNormCpu.Run(cpu, x, norm, y, add, activation); break;
            case IlgpuDevice gpu: LayerNormGpu.Run(gpu, x, norm, y, add, activation); break;
            default: throw device.Unsupported("LayerNorm");
        }
    }

    /// <summary>Declared operations: two passes for the statistics, one to normalise.</summary>
    internal static double Flops(long rows, int channels) => 8.0 * rows * channels;
}
