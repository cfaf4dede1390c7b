using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class AttentionRegisterTiles
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "register tiles",
        "Keys are packed so that both products are matrix products: tiles of 4 queries x 3 vectors, and no sums across lanes.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var panels = new AttentionPanels(p);
        Tensor scores = p.ScoreRows(SmallTile.Rows), sums = p.Allocate(SmallTile.Rows, panels.ValueColumns);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, panels, scores, sums.Pointer),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, panels, scores, sums.Pointer),
            _ => () => Run<Simd128, Vector128<float>>(p, panels, scores, sums.Pointer),
        };
    }

    private static void Run<S, V>(AttentionProblem p, AttentionPanels panels, Tensor scores, float* sums)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var h = 0; h < p.Heads; h++)
        {
            panels.Pack(h);
            for (var i = 0; i < p.Tokens; i += SmallTile.Rows) Queries<S, V>(p, panels, scores, sums, i, h * p.HeadDim);
        }
    }

    /// <summary>Four queries of one head against all keys.</summary>
    private static void Queries<S, V>(AttentionProblem p, AttentionPanels panels, Tensor scores, float* sums, int first, int column)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint stride = p.Channels, strideScores = scores.RowStride;
        var rows = Math.Min(SmallTile.Rows, p.Tokens - first);
        float* q = p.Q.Pointer + (first * stride) + column, y = p.Y.Pointer + (first * stride) + column;
        for (var panel = 0; panel < panels.Count; panel++)
        {
            SmallTile.Run<S, V>(
                rows, panels.Columns, p.HeadDim, q, stride, panels.Keys(panel), panels.Columns, null,
                scores.Pointer + (panel * panels.Columns), strideScores);
        }

        var factors = stackalloc float[SmallTile.Rows];
        for (var r = 0; r < rows; r++)
        {
            float top = float.NegativeInfinity, sum = 0;
            AttentionExpPolynomial.Exponentials<S, V>(scores.Pointer + (r * strideScores), p.Tokens, p.Scale, ref top, ref sum);
            factors[r] = 1 / sum;
        }

        for (var c = 0; c < panels.ValueColumns; c += panels.Columns)
        {
            SmallTile.Run<S, V>(
                rows, panels.Columns, p.Tokens, scores.Pointer, strideScores, panels.Values(0) + c, panels.ValueColumns, null,
                sums + c, panels.ValueColumns);
        }

        for (var r = 0; r < rows; r++)
            for (var c = 0; c < p.HeadDim; c++) y[(r * stride) + c] = sums[(r * panels.ValueColumns) + c] * factors[r];
    }
}
