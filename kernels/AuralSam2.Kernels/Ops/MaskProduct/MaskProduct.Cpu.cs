using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>A run of pixels is an item; each pixel is read once and meets every token.</summary>
internal static unsafe class MaskProductCpu
{
    private const int PixelsPerItem = 512;

    public static void Run(CpuDevice device, Tensor tokens, Tensor pixels, Tensor y)
    {
        var count = pixels.Rows;
        device.Pool.For((count + PixelsPerItem - 1) / PixelsPerItem, (item, _) =>
        {
            for (var p = item * PixelsPerItem; p < Math.Min(count, (item + 1) * PixelsPerItem); p++)
            {
                var pixel = pixels.Pointer + ((nint)p * pixels.RowStride);
                for (var m = 0; m < tokens.Rows; m++)
                {
                    var token = tokens.Pointer + ((nint)m * tokens.RowStride);
                    y.Pointer[((nint)m * count) + p] = device.Isa switch
                    {
                        CpuIsa.Avx512 => Dot<Simd512, Vector512<float>>(tokens.Columns, token, pixel),
                        CpuIsa.Avx2 => Dot<Simd256, Vector256<float>>(tokens.Columns, token, pixel),
                        _ => Dot<Simd128, Vector128<float>>(tokens.Columns, token, pixel),
                    };
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot<S, V>(int n, float* a, float* b)
        where S : struct, ISimd<V>
        where V : struct
    {
        var sum = S.Zero;
        var c = 0;
        for (; c + S.Width <= n; c += S.Width) sum = S.Fma(S.Load(a + c), S.Load(b + c), sum);
        var total = S.Sum(sum);
        for (; c < n; c++) total += a[c] * b[c];
        return total;
    }
}
