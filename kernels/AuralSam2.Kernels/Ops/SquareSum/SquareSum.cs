namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Sums of squares in float64, a sum per stretch of elements: what the norm of all gradients is made of. The stretches are the same on every
/// device and for any number of threads, and are added by whoever reads them.
/// </summary>
public static class SquareSum
{
    /// <summary>Elements of a stretch.</summary>
    public const int Stretch = 16384;

    /// <summary>Rows that the sums of a tensor take.</summary>
    public static int Rows(long length) => checked((int)((length + Stretch - 1) / Stretch));

    /// <summary>Sums up. It is never recorded: only optimizers use it.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x">Any shape, dense.</param>
    /// <param name="y"><c>[Rows(length of x), 2]</c>, dense: a float64 as two floats, the sum rounded and what that left.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Run(Device device, Tensor x, Tensor y)
    {
        OpArguments.Require(x.IsDense && y.IsDense && y.Columns == 2 && y.Rows == Rows(x.Length), "SquareSum", $"x {x}, y {y}");
        if (x.Length == 0) return;
        using var timing = device.Time("SquareSum", 2.0 * x.Length, 4.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: SquareSumCpu.Run(cpu, x, y); break;
            case IlgpuDevice gpu: SquareSumGpu.Run(gpu, x, y); break;
            default: throw device.Unsupported("SquareSum");
        }
    }

    /// <summary>The sum of what <see cref="Run"/> wrote, in order. Infinity or NaN where an element is, or squares overflow float32.</summary>
    public static double Total(ReadOnlySpan<float> sums)
    {
        var total = 0.0;
        foreach (var part in sums) total += part;
        return total;
    }
}
