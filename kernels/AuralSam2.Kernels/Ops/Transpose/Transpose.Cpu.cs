using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Squares of 16 x 16, a cache line wide both ways; a band of 16 output rows is an item.</summary>
internal static unsafe class TransposeCpu
{
    private const int Edge = 16;

    public static void Run(CpuDevice device, Tensor x, Tensor y)
    {
        var (rows, columns) = (x.Shape[^2], x.Shape[^1]);
        var bands = (columns + Edge - 1) / Edge;
        var batch = x.Shape.Rank == 3 ? x.Shape[0] : 1;
        device.Pool.For(batch * bands, (item, _) =>
        {
            var source = x.Pointer + ((nint)(item / bands) * rows * columns);
            var target = y.Pointer + ((nint)(item / bands) * rows * columns);
            var c0 = item % bands * Edge;
            for (var r0 = 0; r0 < rows; r0 += Edge)
            {
                RowsToColumns.Run(
                    device.Isa, Math.Min(Edge, rows - r0), Math.Min(Edge, columns - c0),
                    source + ((nint)r0 * columns) + c0, columns, target + ((nint)c0 * rows) + r0, rows);
            }
        });
    }
}
