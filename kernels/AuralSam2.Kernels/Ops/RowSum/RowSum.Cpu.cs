namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Sums of rows on the CPU. Many rows of y are shared out; of few rows, stretches of x are, each into a sum of its own, and the sums are
/// added in order: the result does not depend on the number of threads.
/// </summary>
internal static unsafe class RowSumCpu
{
    /// <summary>Rows of a stretch.</summary>
    private const int Stretch = 256;

    public static void Run(CpuDevice device, Tensor x, Tensor y, float scale)
    {
        var (repeats, columns) = (x.Rows / y.Rows, x.Columns);
        if (y.Rows > 1 || repeats <= 2 * Stretch)
        {
            const int rowsEach = 16;
            device.Pool.For((y.Rows + rowsEach - 1) / rowsEach, (item, worker) =>
            {
                var sum = device.Scratch(worker, columns);
                for (var r = item * rowsEach; r < Math.Min(y.Rows, (item + 1) * rowsEach); r++)
                {
                    Add(device, x, r, y.Rows, repeats, sum);
                    var to = y.Pointer + ((nint)r * y.RowStride);
                    ElementwiseCpu.AddRow(device.Isa, columns, to, sum, to, scale);
                }
            });
            return;
        }

        using var scope = device.Scope();
        var stretches = (repeats + Stretch - 1) / Stretch;
        var partial = device.Arena.Rent(stretches, columns);
        device.Pool.For(
            stretches,
            (item, _) => Add(
                device, x, item * Stretch, 1, Math.Min(Stretch, repeats - (item * Stretch)), partial.Pointer + ((nint)item * columns)));
        for (var i = 0; i < stretches; i++)
            ElementwiseCpu.AddRow(device.Isa, columns, y.Pointer, partial.Pointer + ((nint)i * columns), y.Pointer, scale);
    }

    /// <summary>sum = rows first, first + step, ... of x, <paramref name="count"/> of them.</summary>
    private static void Add(CpuDevice device, Tensor x, int first, int step, int count, float* sum)
    {
        new Span<float>(sum, x.Columns).Clear();
        for (var i = 0; i < count; i++)
            ElementwiseCpu.AddRow(device.Isa, x.Columns, sum, x.Pointer + ((nint)(first + (i * step)) * x.RowStride), sum, 1f);
    }
}
