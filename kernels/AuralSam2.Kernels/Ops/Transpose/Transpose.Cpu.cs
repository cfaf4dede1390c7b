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
            var (c0, c1) = (item % bands * Edge, Math.Min(columns, ((item % bands) + 1) * Edge));
            for (var r0 = 0; r0 < rows; r0 += Edge)
            {
                var r1 = Math.Min(rows, r0 + Edge);
                for (var c = c0; c < c1; c++)
                    for (var r = r0; r < r1; r++) target[((nint)c * rows) + r] = source[((nint)r * columns) + c];
            }
        });
    }
}
