namespace AuralSam2.Kernels.Ops;

/// <summary>y += x, every pixel of x repeated as a 2x2 block: the top-down step of a feature pyramid; channel-last.</summary>
public static class Upsample2x
{
    /// <summary>Adds the enlarged image.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c>, dense.</param>
    /// <param name="y"><c>[2 height, 2 width, channels]</c>, dense; updated.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void AddNearest(Device device, Tensor x, Tensor y)
    {
        OpArguments.Require(
            x.Shape.Rank == 3 && y.Shape.Rank == 3 && x.IsDense && y.IsDense && x.Columns == y.Columns &&
            y.Shape[0] == 2 * x.Shape[0] && y.Shape[1] == 2 * x.Shape[1],
            "Upsample2x", $"x {x}, y {y}");
        var record = device.Recording("Upsample2x", y, [x, y]);
        var (wantsX, wantsY) = (record?.Wants(x) == true, record?.Wants(y) == true);
        using (device.Time("Upsample2x", y.Length, 4.0 * (x.Length + (2 * y.Length)), $"{x.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: Upsample2xCpu.AddNearest(cpu, x, y); break;
                case IlgpuDevice gpu: Upsample2xGpu.AddNearest(gpu, x, y); break;
                default: throw device.Unsupported("Upsample2x");
            }
        }

        record?.Commit(y, () =>
        {
            if (wantsX) Gradient(device, record.Gradient(y), record.Gradient(x));
            record.Keeps = wantsY;
        });
    }

    /// <summary>The gradient: dx += the sum of dy's 2x2 blocks.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[2 height, 2 width, channels]</c>, dense: gradient of y.</param>
    /// <param name="dx"><c>[height, width, channels]</c>, dense; added to.</param>
    private static void Gradient(Device device, Tensor dy, Tensor dx)
    {
        if (dx.Length == 0) return;
        using var timing = device.Time("Upsample2x.Gradient", dy.Length, 4.0 * (dy.Length + (2 * dx.Length)), $"{dx.Shape}");
        switch (device)
        {
            case CpuDevice cpu: Upsample2xGradientCpu.Run(cpu, dy, dx); break;
            case IlgpuDevice gpu: Upsample2xGradientGpu.Run(gpu, dy, dx); break;
            default: throw device.Unsupported("Upsample2x.Gradient");
        }
    }
}
