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
        using var timing = device.Time("L2Normalize", 3.0 * x.Length, 8.0 * x.Length);
        switch (device)
        {
            case CpuDevice cpu: L2NormalizeCpu.Run(cpu, x, y); break;
            default: throw device.Unsupported("L2Normalize");
        }
    }
}

/// <summary>Sums in double precision: a projection head's rows may be as long as an image.</summary>
internal static unsafe class L2NormalizeCpu
{
    private const int RowsPerItem = 64;

    public static void Run(CpuDevice device, Tensor x, Tensor y)
    {
        device.Pool.For((x.Rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            for (var r = item * RowsPerItem; r < Math.Min(x.Rows, (item + 1) * RowsPerItem); r++)
            {
                float* source = x.Pointer + ((nint)r * x.RowStride), target = y.Pointer + ((nint)r * y.RowStride);
                var squares = 0.0;
                for (var c = 0; c < x.Columns; c++) squares += (double)source[c] * source[c];
                var factor = (float)(1.0 / Math.Max(Math.Sqrt(squares), 1e-12));
                for (var c = 0; c < x.Columns; c++) target[c] = source[c] * factor;
            }
        });
    }
}
