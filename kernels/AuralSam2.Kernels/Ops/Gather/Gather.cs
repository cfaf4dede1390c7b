namespace AuralSam2.Kernels.Ops;

/// <summary>Rows of a table by their numbers: y[r] = x[index[r]].</summary>
public static class Gather
{
    /// <summary>Copies rows.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[n, channels]</c>.</param>
    /// <param name="index"><c>[rows]</c>, dense: whole numbers from 0 to n - 1, <b>no two equal</b>, because gradients are added without waiting.</param>
    /// <param name="y"><c>[rows, channels]</c>; must not overlap x.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, Tensor index, Tensor y)
    {
        OpArguments.Require(
            x.Columns == y.Columns && index.IsDense && index.Length == y.Rows && x.Rows <= 1 << 24, "Gather", $"x {x}, index {index}, y {y}");
        var record = device.Recording("Gather", y, [x]);
        var rows = record?.Save(index) ?? index;
        Run(device, "Gather", x, index, y, back: false);
        record?.Commit(y, () => Run(device, "Gather.Gradient", record.Gradient(x), rows, record.Gradient(y), back: true));
    }

    private static void Run(Device device, string op, Tensor x, Tensor index, Tensor y, bool back)
    {
        if (y.Length == 0) return;
        using var timing = device.Time(op, back ? y.Length : 0, (back ? 12.0 : 8.0) * y.Length, $"{y.Shape} of {x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: GatherCpu.Run(cpu, x, index, y, back); break;
            case IlgpuDevice gpu: GatherGpu.Run(gpu, x, index, y, back); break;
            default: throw device.Unsupported(op);
        }
    }
}
