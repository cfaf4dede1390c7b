namespace AuralSam2.Kernels.Ops;

/// <summary>Threads take rows of y.</summary>
internal static unsafe class GatherCpu
{
    public static void Run(CpuDevice device, Tensor x, Tensor index, Tensor y, bool back)
    {
        const int rowsEach = 32;
        device.Pool.For((y.Rows + rowsEach - 1) / rowsEach, (item, _) =>
        {
            for (var r = item * rowsEach; r < Math.Min(y.Rows, (item + 1) * rowsEach); r++)
            {
                float* table = x.Pointer + ((nint)index.Pointer[r] * x.RowStride), row = y.Pointer + ((nint)r * y.RowStride);
                if (back) ElementwiseCpu.AddRow(device.Isa, y.Columns, table, row, table, 1f);
                else new ReadOnlySpan<float>(table, y.Columns).CopyTo(new Span<float>(row, y.Columns));
            }
        });
    }
}
