namespace AuralSam2.Kernels.Ops;

/// <summary>Parameters and running statistics of a batch norm.</summary>
/// <param name="Weight"><c>[channels]</c>.</param>
/// <param name="Bias"><c>[channels]</c>.</param>
/// <param name="RunningMean"><c>[channels]</c>; training moves it.</param>
/// <param name="RunningVariance"><c>[channels]</c>, unbiased; training moves it.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Momentum">Share of a batch in the running statistics.</param>
public readonly record struct BatchNormWeights(
    Tensor Weight, Tensor Bias, Tensor RunningMean, Tensor RunningVariance, float Epsilon = 1e-5f, float Momentum = 0.1f);

/// <summary>
/// Batch normalisation over rows: y = w (x - mean) / sqrt(var + eps) + b per channel. Training takes mean and biased variance of the rows and
/// moves the running statistics towards them (the variance unbiased there); otherwise the running statistics are taken.
/// </summary>
public static class BatchNorm
{
    /// <summary>Normalises every channel.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="norm">Parameters and running statistics.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be <paramref name="x"/>.</param>
    /// <param name="training">Whether the statistics are those of the rows.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or a single row would have to have a variance.</exception>
    public static void Forward(Device device, Tensor x, in BatchNormWeights norm, Tensor y, bool training)
    {
        OpArguments.Require(x.Columns == y.Columns && x.Rows == y.Rows, "BatchNorm", $"x {x} against y {y}");
        OpArguments.Require(
            norm.Weight.Length == x.Columns && norm.Bias.Length == x.Columns && norm.RunningMean.Length == x.Columns &&
            norm.RunningVariance.Length == x.Columns,
            "BatchNorm", $"weight {norm.Weight}, bias {norm.Bias}, running {norm.RunningMean} and {norm.RunningVariance} for x {x}");
        OpArguments.Require(!training || x.Rows != 1, "BatchNorm", $"x {x} has one row: training needs two or more to have a variance");
        var record = device.Recording("BatchNorm", y, [x, norm.Weight, norm.Bias]);
        if (x.Length == 0)
        {
            record?.Commit(y, () => { });
            return;
        }

        var weights = norm;
        var (wantsX, wantsWeight, wantsBias) = (record?.Wants(x) == true, record?.Wants(norm.Weight) == true, record?.Wants(norm.Bias) == true);
        var before = record?.Save(x) ?? default;
        using var scope = device.Scope();
        var statistics = record?.Reserve(2, x.Columns) ?? device.Arena.Rent(2, x.Columns);
        using (device.Time("BatchNorm", Flops(x.Rows, x.Columns, training), 8.0 * x.Length, $"{x.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: BatchNormCpu.Run(cpu, x, norm, statistics, y, training); break;
                case IlgpuDevice gpu: BatchNormGpu.Run(gpu, x, norm, statistics, y, training); break;
                default: throw device.Unsupported("BatchNorm");
            }
        }

        record?.Commit(y, () =>
        {
            Gradient(
                device, record.Gradient(y), before, statistics, weights, wantsX ? record.Gradient(x) : default,
                wantsWeight ? record.Gradient(weights.Weight) : default, wantsBias ? record.Gradient(weights.Bias) : default, training);
            record.Keeps = wantsX && x.IsSameAs(y);
        });
    }

    /// <summary>
    /// The gradient. With n = (x - mean) rstd: dw += sum dy n; db += sum dy; dx += w rstd (dy - mean(dy) - n mean(dy n)), without the means
    /// where the statistics were not those of the rows.
    /// </summary>
    private static void Gradient(
        Device device, Tensor dy, Tensor x, Tensor statistics, in BatchNormWeights norm, Tensor dx, Tensor dw, Tensor db, bool training)
    {
        using var timing = device.Time("BatchNorm.Gradient", 12.0 * x.Length, (dx.IsEmpty ? 8.0 : 16.0) * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: BatchNormCpu.Gradient(cpu, dy, x, statistics, norm, dx, dw, db, training); break;
            case IlgpuDevice gpu: BatchNormGpu.Gradient(gpu, dy, x, statistics, norm, dx, dw, db, training); break;
            default: throw device.Unsupported("BatchNorm.Gradient");
        }
    }

    /// <summary>Declared operations: two passes for the statistics, one to normalise.</summary>
    internal static double Flops(long rows, int channels, bool training) => (training ? 8.0 : 3.0) * rows * channels;
}
