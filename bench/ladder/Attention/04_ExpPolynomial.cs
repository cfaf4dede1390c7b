using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class AttentionExpPolynomial
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "exp polynomial",
        "Exponentials are 2^t, a vector at a time: a polynomial of degree 6 and an exponent, with 1/sqrt(d) and log2(e) as one factor.",
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
                AttentionSimd.Scores<S, V>(p, p.Q.Pointer + place, p.K.Pointer + column, scores);
                var top = float.NegativeInfinity;
                var sum = 0f;
                Exponentials<S, V>(scores, p.Tokens, p.Scale, ref top, ref sum);
                AttentionSimd.WeightedSum<S, V>(p, scores, p.V.Pointer + column, 1 / sum, p.Y.Pointer + place);
            }
        }
    }

    /// <summary>
    /// Scores become e^(scale s - top), zero in the padding up to a whole vector; top and sum, of what came before, move on.
    /// Returns the factor by which what was weighted before must shrink.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentials<S, V>(float* scores, int count, float scale, ref float top, ref float sum)
        where S : struct, ISimd<V>
        where V : struct
    {
        scale *= MathF.Log2(MathF.E);
        var padded = (count + S.Width - 1) / S.Width * S.Width;
        if (count < padded)
        {
            var last = scores + padded - S.Width;
            S.Store(S.Keep(S.Load(last), count - (padded - S.Width), float.NegativeInfinity), last);
        }

        V m0 = S.Load(scores), m1 = m0;
        var j = 0;
        for (; j + (2 * S.Width) <= padded; j += 2 * S.Width)
        {
            m0 = S.Max(m0, S.Load(scores + j));
            m1 = S.Max(m1, S.Load(scores + j + S.Width));
        }

        if (j < padded) m0 = S.Max(m0, S.Load(scores + j));
        var before = top;
        top = MathF.Max(before, S.MaxOf(S.Max(m0, m1)) * scale);

        V factor = S.Create(scale), shift = S.Create(-top), s0 = S.Zero, s1 = S.Zero;
        for (j = 0; j + (2 * S.Width) <= padded; j += 2 * S.Width)
        {
            var e0 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j), factor, shift));
            var e1 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j + S.Width), factor, shift));
            S.Store(e0, scores + j);
            S.Store(e1, scores + j + S.Width);
            s0 = S.Add(s0, e0);
            s1 = S.Add(s1, e1);
        }

        if (j < padded)
        {
            var e0 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j), factor, shift));
            S.Store(e0, scores + j);
            s0 = S.Add(s0, e0);
        }

        var correction = before == top ? 1 : MathF.Pow(2, before - top);
        sum = (sum * correction) + S.Sum(S.Add(s0, s1));
        return correction;
    }
}
