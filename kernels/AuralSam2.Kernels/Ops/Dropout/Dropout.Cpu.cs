namespace AuralSam2.Kernels.Ops;

/// <summary>Dropout on the CPU, a row at a time, through the worker's scratch: y may be what is added.</summary>
internal static unsafe class DropoutCpu
{
    public static void Run(CpuDevice device, Tensor x, Dropout.Pattern pattern, Tensor add, Tensor y)
    {
        var rowsEach = Math.Max(1, 8192 / Math.Max(1, x.Columns));
        device.Pool.For((x.Rows + rowsEach - 1) / rowsEach, (item, worker) =>
        {
            for (var r = item * rowsEach; r < Math.Min(x.Rows, (item + 1) * rowsEach); r++)
            {
                float* from = x.Pointer + ((nint)r * x.RowStride), to = y.Pointer + ((nint)r * y.RowStride);
                var kept = add.IsEmpty ? to : device.Scratch(worker, x.Columns);
                new ReadOnlySpan<float>(from, x.Columns).CopyTo(new Span<float>(kept, x.Columns));
                DropoutMask.Apply(pattern.Key, (ulong)r << 32, x.Columns, pattern.Threshold, pattern.Scale, kept);
                if (!add.IsEmpty) ElementwiseCpu.AddRow(device.Isa, x.Columns, kept, add.Pointer + ((nint)r * add.RowStride), to, 1f);
            }
        });
    }
}
