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
                var factor = (float)(1.0 / Math.Max(Math.Sqrt(Dot(x.Columns, source, source)), 1e-12));
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Scale<Simd512, Vector512<float>>(x.Columns, source, target, factor); break;
                    case CpuIsa.Avx2: Scale<Simd256, Vector256<float>>(x.Columns, source, target, factor); break;
                    default: Scale<Simd128, Vector128<float>>(x.Columns, source, target, factor); break;
                }
            }
        });
    }

    public static void Gradient(CpuDevice device, Tensor dy, Tensor x, Tensor dx)
    {
        var replaces = dx.IsSameAs(dy);
        device.Pool.For((x.Rows + RowsPerItem - 1) / RowsPerItem, (item, _) =>
        {
            for (var r = item * RowsPerItem; r < Math.Min(x.Rows, (item + 1) * RowsPerItem); r++)
            {
                float* source = x.Pointer + ((nint)r * x.RowStride), gradient = dy.Pointer + ((nint)r * dy.RowStride);
                var target = dx.Pointer + ((nint)r * dx.RowStride);
                var length = Math.Sqrt(Dot(x.Columns, source, source));
                // A row too short to be normalised was only scaled.
                var (factor, along) = length > 1e-12 ? (1 / length, Dot(x.Columns, source, gradient) / (length * length * length)) : (1e12, 0);
                switch (device.Isa)
                {
                    case CpuIsa.Avx512:
                        Combine<Simd512, Vector512<float>>(x.Columns, source, gradient, target, (float)factor, (float)along, replaces); break;
                    case CpuIsa.Avx2:
                        Combine<Simd256, Vector256<float>>(x.Columns, source, gradient, target, (float)factor, (float)along, replaces); break;
                    default:
                        Combine<Simd128, Vector128<float>>(x.Columns, source, gradient, target, (float)factor, (float)along, replaces); break;
                }
            }
        });
    }

    private static double Dot(int n, float* a, float* b)
    {
        Vector<double> even = default, odd = default;
        var c = 0;
        for (; c + Vector<float>.Count <= n; c += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(a + c), out var lowA, out var highA);
            Vector.Widen(Vector.Load(b + c), out var lowB, out var highB);
            even += lowA * lowB;
            odd += highA * highB;
        }

        var sum = Vector.Sum(even + odd);
        for (; c < n; c++) sum += (double)a[c] * b[c];
        return sum;
    }

    /// <summary>dx = (dx +) factor dy - along x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine<S, V>(int n, float* x, float* dy, float* dx, float factor, float along, bool replaces)
        where S : struct, ISimd<V>
        where V : struct
    {
        V f = S.Create(factor), a = S.Create(-along);
        var c = 0;
        for (; c + S.Width <= n; c += S.Width)
        {
            var d = S.Fma(S.Load(dy + c), f, S.Mul(S.Load(x + c), a));
            S.Store(replaces ? d : S.Add(d, S.Load(dx + c)), dx + c);
        }

        for (; c < n; c++) dx[c] = (replaces ? 0 : dx[c]) + ((dy[c] * factor) - (along * x[c]));
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
