namespace AuralSam2.Kernels.Ops;

/// <summary>The largest of every 2x2 block, stride 2, channel-last; an odd last row or column is dropped.</summary>
public static class MaxPool2x2
{
    /// <summary>Pools an image or a batch of them.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[height, width, channels]</c> or <c>[batch, height, width, channels]</c>, dense.</param>
    /// <param name="y"><c>[(batch,) height / 2, width / 2, channels]</c>, dense.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, Tensor y)
    {
        OpArguments.Require(
            x.Shape.Rank is 3 or 4 && y.Shape.Rank == x.Shape.Rank && x.IsDense && y.IsDense && x.Columns == y.Columns &&
            y.Shape[^3] == x.Shape[^3] / 2 && y.Shape[^2] == x.Shape[^2] / 2 && (x.Shape.Rank == 3 || x.Shape[0] == y.Shape[0]),
            "MaxPool2x2", $"x {x}, y {y}");
        var record = device.Recording("MaxPool2x2", y, [x]);
        var before = record?.Save(x) ?? default;
        using (device.Time("MaxPool2x2", 3.0 * y.Length, 4.0 * (x.Length + y.Length), $"{x.Shape}"))
        {
            switch (device)
            {
                case CpuDevice cpu: MaxPool2x2Cpu.Run(cpu, x, y); break;
                case IlgpuDevice gpu: MaxPool2x2Gpu.Run(gpu, x, y); break;
                default: throw device.Unsupported("MaxPool2x2");
            }
        }

        record?.Commit(y, () => Gradient(device, record.Gradient(y), before, record.Gradient(x)));
    }

    /// <summary>The gradient: of every block, dx at its largest element += dy; of equal ones the first, row by row.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy"><c>[(batch,) height / 2, width / 2, channels]</c>, dense: gradient of y.</param>
    /// <param name="x"><c>[(batch,) height, width, channels]</c>, dense, as it was.</param>
    /// <param name="dx">Shape of x, dense; added to.</param>
    private static void Gradient(Device device, Tensor dy, Tensor x, Tensor dx)
    {
        if (dy.Length == 0) return;
        using var timing = device.Time("MaxPool2x2.Gradient", 4.0 * dy.Length, 4.0 * (dy.Length + (3 * x.Length)), $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: MaxPool2x2GradientCpu.Run(cpu, dy, x, dx); break;
            case IlgpuDevice gpu: MaxPool2x2GradientGpu.Run(gpu, dy, x, dx); break;
            default: throw device.Unsupported("MaxPool2x2.Gradient");
        }
    }
}
