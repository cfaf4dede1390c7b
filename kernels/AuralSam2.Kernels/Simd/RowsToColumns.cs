using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AuralSam2.Kernels.Simd;

/// <summary>Transposes a block that fits the first-level cache, a vector of rows and four columns at a time in registers.</summary>
internal static unsafe class RowsToColumns
{
    /// <summary>target[c * strideTarget + r] = source[r * strideSource + c].</summary>
    public static void Run(CpuIsa isa, int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(rows, columns, source, strideSource, target, strideTarget); break;
            case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(rows, columns, source, strideSource, target, strideTarget); break;
            default: Run<Simd128, Vector128<float>>(rows, columns, source, strideSource, target, strideTarget); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<S, V>(int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
        where S : struct, ISimd<V>
        where V : struct
    {
        var (wholeRows, wholeColumns) = (rows / S.Width * S.Width, columns & ~3);
        for (var r = 0; r < wholeRows; r += S.Width)
        {
            for (var c = 0; c < wholeColumns; c += 4)
            {
                var from = source + (r * strideSource) + c;
                var to = target + (c * strideTarget) + r;
                // Rows 0 4 8 ..., 1 5 9 ..., 2 6 10 ..., 3 7 11 ...: zipped twice, each holds a column in order.
                V r0 = S.LoadQuads(from, strideSource), r1 = S.LoadQuads(from + strideSource, strideSource);
                V r2 = S.LoadQuads(from + (2 * strideSource), strideSource), r3 = S.LoadQuads(from + (3 * strideSource), strideSource);
                V even0 = S.ZipLow(r0, r2), even1 = S.ZipHigh(r0, r2), odd0 = S.ZipLow(r1, r3), odd1 = S.ZipHigh(r1, r3);
                S.Store(S.ZipLow(even0, odd0), to);
                S.Store(S.ZipHigh(even0, odd0), to + strideTarget);
                S.Store(S.ZipLow(even1, odd1), to + (2 * strideTarget));
                S.Store(S.ZipHigh(even1, odd1), to + (3 * strideTarget));
            }
        }

        for (var r = 0; r < rows; r++)
            for (var c = r < wholeRows ? wholeColumns : 0; c < columns; c++) target[(c * strideTarget) + r] = source[(r * strideSource) + c];
    }
}
