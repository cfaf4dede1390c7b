using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class AttentionSimd
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "SIMD",
        "Dot products and the sum of values take a vector of channels at a time; a score still ends in a sum across lanes.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var scores = p.ScoreRows(1);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, scores.Pointer),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, scores.Pointer),
            _ => () => Run<Simd128, Vector128<float>>(p, scores.Pointer),
        };
    }

    private static void Run<S, V>(AttentionProblem p, float* scores)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint stride = p.Channels;
        for (var h = 0; h < p.Heads; h++)
        {
            var column = h * p.HeadDim;
            for (var i = 0; i < p.Tokens; i++)
            {
                var place = (i * stride) + column;
                Scores<S, V>(p, p.Q.Pointer + place, p.K.Pointer + column, scores);
                var sum = Exponentials(scores, p.Tokens, p.Scale);
                WeightedSum<S, V>(p, scores, p.V.Pointer + column, 1 / sum, p.Y.Pointer + place);
            }
        }
    }

    /// <summary>Dot products of one query with all keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores<S, V>(AttentionProblem p, float* q, float* k, float* scores)
        where S : struct, ISimd<V>
        where V : struct
    {
        int n = p.Tokens, d = p.HeadDim, stride = p.Channels;
        var whole = d / S.Width * S.Width;
        for (var j = 0; j < n; j++, k += stride)
        {
            V sums = S.Zero;
            var c = 0;
            for (; c < whole; c += S.Width) sums = S.Fma(S.Load(q + c), S.Load(k + c), sums);
            var sum = S.Sum(sums);
            for (; c < d; c++) sum += q[c] * k[c];
            scores[j] = sum;
        }
    }

    /// <summary>y = factor times the sum of values, each times its weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightedSum<S, V>(AttentionProblem p, float* weights, float* v, float factor, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        int n = p.Tokens, d = p.HeadDim, stride = p.Channels;
        var whole = d / S.Width * S.Width;
        new Span<float>(y, d).Clear();
        for (var j = 0; j < n; j++, v += stride)
        {
            var weight = S.Create(weights[j] * factor);
            var c = 0;
            for (; c < whole; c += S.Width) S.Store(S.Fma(weight, S.Load(v + c), S.Load(y + c)), y + c);
            for (; c < d; c++) y[c] += weights[j] * factor * v[c];
        }
    }

    private static float Exponentials(float* scores, int count, float scale)
    {
        float top = float.NegativeInfinity, sum = 0;
        for (var j = 0; j < count; j++) top = MathF.Max(top, scores[j]);
        for (var j = 0; j < count; j++) sum += scores[j] = MathF.Exp((scores[j] - top) * scale);
        return sum;
    }
}
