using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class LayerNormSimd
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "SIMD",
        "All three passes take a vector at a time; the lanes are summed once per pass.",
        Bind);

    private static Action Bind(LayerNormGemmProblem p)
    {
        var normalised = p.Normalised;
        return () =>
        {
            switch (p.Device.Isa)
            {
                case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(p, normalised.Pointer); break;
                case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(p, normalised.Pointer); break;
                default: Run<Simd128, Vector128<float>>(p, normalised.Pointer); break;
            }

            p.Product(normalised, p.Y);
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<S, V>(LayerNormGemmProblem p, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* x = p.X.Pointer, weight = p.Norm.Weight.Pointer, bias = p.Norm.Bias.Pointer;
        int rows = p.Rows, channels = p.Inputs;
        var whole = channels / S.Width * S.Width;
        for (var r = 0; r < rows; r++, x += channels, y += channels)
        {
            V sums = S.Zero;
            for (var c = 0; c < whole; c += S.Width) sums = S.Add(sums, S.Load(x + c));
            var sum = S.Sum(sums);
            for (var c = whole; c < channels; c++) sum += x[c];
            var mean = sum / channels;

            V center = S.Create(mean);
            sums = S.Zero;
            for (var c = 0; c < whole; c += S.Width)
            {
                V d = S.Sub(S.Load(x + c), center);
                sums = S.Fma(d, d, sums);
            }

            var squares = S.Sum(sums);
            for (var c = whole; c < channels; c++) squares += (x[c] - mean) * (x[c] - mean);
            var rstd = 1 / MathF.Sqrt((squares / channels) + p.Norm.Epsilon);

            V scale = S.Create(rstd);
            for (var c = 0; c < whole; c += S.Width)
                S.Store(S.Fma(S.Mul(S.Sub(S.Load(x + c), center), scale), S.Load(weight + c), S.Load(bias + c)), y + c);
            for (var c = whole; c < channels; c++) y[c] = ((x[c] - mean) * rstd * weight[c]) + bias[c];
        }
    }
}
