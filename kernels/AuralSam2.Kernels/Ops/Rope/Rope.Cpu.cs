namespace AuralSam2.Kernels.Ops;

/// <summary>Memory-bound: plain loops.</summary>
internal static unsafe class RopeCpu
{
    private const int RowsPerItem = 64;

    public static void Run(CpuDevice device, Tensor x, RopeTable table, int rows)
    {
        var (positions, pairs) = (table.Cos.Rows, table.Cos.Columns);
        device.Pool.For((rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            for (var r = item * RowsPerItem; r < Math.Min(rows, (item + 1) * RowsPerItem); r++)
            {
                var row = x.Pointer + ((nint)r * x.RowStride);
                float* cos = table.Cos.Pointer + ((nint)(r % positions) * pairs), sin = table.Sin.Pointer + ((nint)(r % positions) * pairs);
                for (var j = 0; j < pairs; j++)
                {
                    var (re, im) = (row[2 * j], row[(2 * j) + 1]);
                    row[2 * j] = (re * cos[j]) - (im * sin[j]);
                    row[(2 * j) + 1] = (re * sin[j]) + (im * cos[j]);
                }
            }
        });
    }
}
