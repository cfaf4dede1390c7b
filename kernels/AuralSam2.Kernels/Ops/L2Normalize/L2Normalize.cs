namespace AuralSam2.Kernels.Ops;

/// <summary>Rows of unit length: y = x / max(|x|, 1e-12).</summary>
public static class L2Normalize
{
    /// <summary>Normalises every row.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="y">Shape of x; may be x.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, Tensor y)
    {
        OpArguments.Require(x.Rows == y.Rows && x.Columns == y.Columns, "L2Normalize", $"x {x}, y {y}");
        var record = device.Recording("L2Normalize", y, [x]);
        var before = record?.Save(x) ?? default;
        Run(device, x, y);
        record?.Commit(y, () =>
        {
            Gradient(device, record.Gradient(y), before, record.Gradient(x));
            record.Keeps = x.IsSameAs(y);
        });
    }

    /// <summary>dx += (dy - y (y . dy)) / |x|: what of dy is not along y.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[rows, channels]</c>.</param>
    /// <param name="x"><c>[rows, channels]</c>, as it was.</param>
    /// <param name="dx"><c>[rows, channels]</c>, added to; when it is <paramref name="dy"/> itself, it is replaced.</param>
    private static void Gradient(Device device, Tensor dy, Tensor x, Tensor dx)
    {
        using var timing = device.Time("L2Normalize.Gradient", 8.0 * x.Length, 16.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: L2NormalizeCpu.Gradient(cpu, dy, x, dx); break;
            case IlgpuDevice gpu: L2NormalizeGpu.Gradient(gpu, dy, x, dx); break;
            default: throw device.Unsupported("L2Normalize.Gradient");
        }
    }

    private static void Run(Device device, Tensor x, Tensor y)
    {
        using var timing = device.Time("L2Normalize", 3.0 * x.Length, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: L2NormalizeCpu.Run(cpu, x, y); break;
            case IlgpuDevice gpu: L2NormalizeGpu.Run(gpu, x, y); break;
            default: throw device.Unsupported("L2Normalize");
        }
    }
}
