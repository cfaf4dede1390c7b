using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Memory-bound: a row is read once, a whole vector of pairs at a time.</summary>
internal static unsafe class RopeCpu
{
    /// <summary>Long stretches of memory: where the next thread's begins, the processor's prefetching has to start anew.</summary>
    private const int RowsPerItem = 256;

    public static void Run(CpuDevice device, Tensor x, RopeTable table, int rows)
    {
        device.Pool.For((rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            var (first, end) = (item * RowsPerItem, Math.Min(rows, (item + 1) * RowsPerItem));
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Turn<Simd512, Vector512<float>>(x, table, first, end); break;
                case CpuIsa.Avx2: Turn<Simd256, Vector256<float>>(x, table, first, end); break;
                default: Turn<Simd128, Vector128<float>>(x, table, first, end); break;
            }
        });
    }

    private static void Turn<S, V>(Tensor x, RopeTable table, int first, int end)
        where S : struct, ISimd<V>
        where V : struct
    {
        var alternating = stackalloc float[S.Width];
        for (var i = 0; i < S.Width; i++) alternating[i] = (i & 1) == 0 ? -1f : 1f;
        var signs = S.Load(alternating);
        var (positions, pairs) = (table.Cos.Rows, table.Cos.Columns);
        for (var r = first; r < end; r++)
        {
            var entry = (nint)(r % positions) * pairs;
            Turn<S, V>(pairs, x.Pointer + ((nint)r * x.RowStride), table.Cos.Pointer + entry, table.Sin.Pointer + entry, signs);
        }
    }

    /// <summary>(re, im) becomes (re cos - im sin, im cos + re sin): the row times the cosines, and with its pairs swapped times (-sin, sin).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn<S, V>(int pairs, float* row, float* cos, float* sin, V signs)
        where S : struct, ISimd<V>
        where V : struct
    {
        var j = 0;
        for (; j + (S.Width / 2) <= pairs; j += S.Width / 2)
        {
            var x = S.Load(row + (2 * j));
            var turned = S.Mul(S.SwapPairs(x), S.Mul(signs, S.LoadTwice(sin + j)));
            S.Store(S.Fma(x, S.LoadTwice(cos + j), turned), row + (2 * j));
        }

        for (; j < pairs; j++)
        {
            var (re, im) = (row[2 * j], row[(2 * j) + 1]);
            row[2 * j] = (re * cos[j]) - (im * sin[j]);
            row[(2 * j) + 1] = (re * sin[j]) + (im * cos[j]);
        }
    }
}
