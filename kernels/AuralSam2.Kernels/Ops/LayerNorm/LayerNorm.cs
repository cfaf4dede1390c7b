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
