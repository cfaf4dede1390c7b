namespace AuralSam2.Kernels.Ops;

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
