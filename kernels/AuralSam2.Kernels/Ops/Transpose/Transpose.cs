namespace AuralSam2.Kernels.Ops;

/// <summary>Swaps rows and columns of every matrix of a batch: channel-last to channel-first and back.</summary>
public static class Transpose
{
    /// <summary>Transposes.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, columns]</c> or <c>[batch, rows, columns]</c>, dense.</param>
    /// <param name="y"><c>[columns, rows]</c> or <c>[batch, columns, rows]</c>, dense; not x itself.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, Tensor y)
    {
        OpArguments.Require(
            x.Shape.Rank is 2 or 3 && y.Shape.Rank == x.Shape.Rank && x.IsDense && y.IsDense &&
            x.Shape[^1] == y.Shape[^2] && x.Shape[^2] == y.Shape[^1] &&
            (x.Shape.Rank == 2 || x.Shape[0] == y.Shape[0]),
            "Transpose", $"x {x}, y {y}");
        var record = device.Recording("Transpose", y, [x]);
        Run(device, "Transpose", x, y);
        record?.Commit(y, () =>
        {
            var dx = record.Gradient(x);
            var turned = x.Shape.Rank == 2 ? device.Rent(x.Shape[0], x.Shape[1]) : device.Rent(x.Shape[0], x.Shape[1], x.Shape[2]);
            Run(device, "Transpose.Gradient", record.Gradient(y), turned);
            Elementwise.Accumulate(device, turned, dx);
        });
    }

    private static void Run(Device device, string op, Tensor x, Tensor y)
    {
        using var timing = device.Time(op, 0, 8.0 * x.Length, $"{x.Shape}");
        switch (device)
        {
            case CpuDevice cpu: TransposeCpu.Run(cpu, x, y); break;
            case IlgpuDevice gpu: TransposeGpu.Run(gpu, x, y); break;
            default: throw device.Unsupported("Transpose");
        }
    }
}
