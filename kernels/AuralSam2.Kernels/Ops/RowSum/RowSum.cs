namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Adds up rows: y[r] += scale * (x[r] + x[n + r] + x[2n + r] + ...) where y has n rows. The gradient of whatever repeats: a bias, a table
/// of positions. It has no gradient of its own: only gradients use it.
/// </summary>
public static class RowSum
{
    /// <summary>Adds.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="y"><c>[n, channels]</c> with n dividing rows, or <c>[channels]</c>; added to.</param>
    /// <param name="scale">Factor of the sum.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Run(Device device, Tensor x, Tensor y, float scale = 1f)
    {
        OpArguments.Require(
            x.Columns == y.Columns && (x.Rows == 0 || (y.Rows > 0 && x.Rows % y.Rows == 0)), "RowSum", $"x {x}, y {y}");
        if (x.Length == 0) return;
        using var timing = device.Time("RowSum", x.Length, 4.0 * (x.Length + (2 * y.Length)), $"{x.Shape} to {y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: RowSumCpu.Run(cpu, x, y, scale); break;
            case IlgpuDevice gpu: RowSumGpu.Run(gpu, x, y, scale); break;
            default: throw device.Unsupported("RowSum");
        }
    }
}
