using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Sums in double precision: a projection head's rows may be as long as an image, and squares may leave the range of floats.</summary>
internal static unsafe class L2NormalizeCpu
{
    private const int RowsPerItem = 256;

    public static void Run(CpuDevice device, Tensor x, Tensor y)
    {
        device.Pool.For((x.Rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            for (var r = item * RowsPerItem; r < Math.Min(x.Rows, (item + 1) * RowsPerItem); r++)
            {
                float* source = x.Pointer + ((nint)r * x.RowStride), target = y.Pointer + ((nint)r * y.RowStride);
                var factor = (float)(1.0 / Math.Max(Math.Sqrt(SumOfSquares(x.Columns, source)), 1e-12));
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Scale<Simd512, Vector512<float>>(x.Columns, source, target, factor); break;
                    case CpuIsa.Avx2: Scale<Simd256, Vector256<float>>(x.Columns, source, target, factor); break;
                    default: Scale<Simd128, Vector128<float>>(x.Columns, source, target, factor); break;
                }
            }
        });
    }

    private static double SumOfSquares(int n, float* x)
    {
        Vector<double> even = default, odd = default;
        var c = 0;
        for (; c + Vector<float>.Count <= n; c += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(x + c), out var low, out var high);
            even += low * low;
            odd += high * high;
        }

        var sum = Vector.Sum(even + odd);
        for (; c < n; c++) sum += (double)x[c] * x[c];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale<S, V>(int n, float* x, float* y, float factor)
        where S : struct, ISimd<V>
        where V : struct
    {
        var f = S.Create(factor);
        var c = 0;
        for (; c + S.Width <= n; c += S.Width) S.Store(S.Mul(S.Load(x + c), f), y + c);
        for (; c < n; c++) y[c] = x[c] * factor;
    }
}
