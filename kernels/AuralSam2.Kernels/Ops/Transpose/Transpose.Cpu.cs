using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Squares of 16 x 16, a cache line wide both ways; a band of 16 output rows is an item.</summary>
internal static unsafe class TransposeCpu
{
    private const int Edge = 16;

    /// <summary>Rows of both may be strided.</summary>
    public static void Run(CpuDevice device, Tensor x, Tensor y)
    {
        var (rows, columns) = (x.Shape[^2], x.Shape[^1]);
        var bands = (columns + Edge - 1) / Edge;
        var batch = x.Shape.Rank == 3 ? x.Shape[0] : 1;
        device.Pool.For(batch * bands, (item, _) =>
        {
            var source = x.Pointer + ((nint)(item / bands) * rows * x.RowStride);
            var target = y.Pointer + ((nint)(item / bands) * columns * y.RowStride);
            var c0 = item % bands * Edge;
            for (var r0 = 0; r0 < rows; r0 += Edge)
            {
                RowsToColumns.Run(
                    device.Isa, Math.Min(Edge, rows - r0), Math.Min(Edge, columns - c0),
                    source + ((nint)r0 * x.RowStride) + c0, x.RowStride, target + ((nint)c0 * y.RowStride) + r0, y.RowStride);
            }
        });
    }
}
