namespace AuralSam2.Kernels.Ops;

/// <summary>Dropout on the CPU: hashes are 64-bit integers, which the compiler keeps in registers; memory waits for them, not they for it.</summary>
internal static unsafe class DropoutCpu
{
    public static void Run(CpuDevice device, Tensor x, Dropout.Pattern pattern, Tensor add, Tensor y)
    {
        var rowsEach = Math.Max(1, 8192 / Math.Max(1, x.Columns));
        device.Pool.For((x.Rows + rowsEach - 1) / rowsEach, (item, _) =>
        {
            for (var r = item * rowsEach; r < Math.Min(x.Rows, (item + 1) * rowsEach); r++)
            {
                float* from = x.Pointer + ((nint)r * x.RowStride), to = y.Pointer + ((nint)r * y.RowStride);
                var sum = add.IsEmpty ? null : add.Pointer + ((nint)r * add.RowStride);
                var index = (ulong)r * (ulong)x.Columns;
                for (var c = 0; c < x.Columns; c++, index++)
                {
                    var value = DropoutMask.Keeps(pattern.Key, index, pattern.Threshold) ? from[c] * pattern.Scale : 0f;
                    to[c] = sum == null ? value : value + sum[c];
                }
            }
        });
    }
}
