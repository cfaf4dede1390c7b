using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Pooling on the CPU: an output row is an item.</summary>
internal static unsafe class MaxPool2x2Cpu
{
    public static void Run(CpuDevice device, Tensor x, Tensor y)
    {
        var (height, width, channels) = (x.Shape[^3], x.Shape[^2], x.Columns);
        var (rows, columns) = (y.Shape[^3], y.Shape[^2]);
        device.Pool.For(y.Rows / Math.Max(1, columns), (item, _) =>
        {
            var source = x.Pointer + ((((nint)(item / rows) * height) + (item % rows * 2)) * width * channels);
            var target = y.Pointer + ((nint)item * columns * channels);
            var below = (nint)width * channels;
            for (var j = 0; j < columns; j++, source += 2 * (nint)channels, target += channels)
                Maximum(device.Isa, channels, source, source + channels, source + below, source + below + channels, target);
        });
    }

    /// <summary>y = max(a, b, c, d), element by element, NaN where one of them is; q-pool inside attention uses it too.</summary>
    public static void Maximum(CpuIsa isa, int n, float* a, float* b, float* c, float* d, float* y)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Maximum<Simd512, Vector512<float>>(n, a, b, c, d, y); break;
            case CpuIsa.Avx2: Maximum<Simd256, Vector256<float>>(n, a, b, c, d, y); break;
            default: Maximum<Simd128, Vector128<float>>(n, a, b, c, d, y); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Maximum<S, V>(int n, float* a, float* b, float* c, float* d, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        var j = 0;
        for (; j + S.Width <= n; j += S.Width)
            S.Store(S.MaxOrNaN(S.MaxOrNaN(S.Load(a + j), S.Load(b + j)), S.MaxOrNaN(S.Load(c + j), S.Load(d + j))), y + j);
        for (; j < n; j++) y[j] = MathF.Max(MathF.Max(a[j], b[j]), MathF.Max(c[j], d[j]));
    }
}
