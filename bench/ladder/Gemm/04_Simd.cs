using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class GemmSimd
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "SIMD",
        "The inner loop takes a vector of outputs at a time with one fused multiply-add: 16 floats with AVX-512, 8 with AVX2.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, weight.Pointer, weight.Columns),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, weight.Pointer, weight.Columns),
            _ => () => Run<Simd128, Vector128<float>>(p, weight.Pointer, weight.Columns),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<S, V>(GemmProblem p, float* weight, nint stride)
        where S : struct, ISimd<V>
        where V : struct
    {
        int inputs = p.Inputs, outputs = p.Outputs;
        var whole = outputs / S.Width * S.Width;
        float* x = p.X.Pointer, y = p.Y.Pointer;
        for (var i = 0; i < p.Rows; i++, x += inputs, y += outputs)
        {
            Problem.Span(p.Bias).CopyTo(new Span<float>(y, outputs));
            var w = weight;
            for (var k = 0; k < inputs; k++, w += stride)
            {
                var a = S.Create(x[k]);
                var o = 0;
                for (; o < whole; o += S.Width) S.Store(S.Fma(a, S.Load(w + o), S.Load(y + o)), y + o);
                for (; o < outputs; o++) y[o] += x[k] * w[o];
            }
        }
    }
}
