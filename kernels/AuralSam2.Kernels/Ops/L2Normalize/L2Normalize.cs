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
        using var timing = device.Time("L2Normalize", 3.0 * x.Length, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: L2NormalizeCpu.Run(cpu, x, y); break;
            case IlgpuDevice gpu: L2NormalizeGpu.Run(gpu, x, y); break;
            default: throw device.Unsupported("L2Normalize");
        }
    }
}
