namespace AuralSam2.Ladder;

internal static unsafe class AttentionRowByRow
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "row by row",
        "A query at a time: one row of scores instead of a matrix, and values are summed row by row, in the order of memory.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var scores = p.ScoreRows(1);
        return () =>
        {
            for (var h = 0; h < p.Heads; h++)
                for (var i = 0; i < p.Tokens; i++) Query(p, scores.Pointer, i, h * p.HeadDim);
        };
    }

    private static void Query(AttentionProblem p, float* scores, nint row, int column)
    {
        int n = p.Tokens, d = p.HeadDim, stride = p.Channels;
        float* q = p.Q.Pointer + (row * stride) + column, y = p.Y.Pointer + (row * stride) + column;
        float* k = p.K.Pointer + column, v = p.V.Pointer + column;
        float scale = p.Scale, top = float.NegativeInfinity, total = 0;
        for (var j = 0; j < n; j++, k += stride)
        {
            var sum = 0f;
            for (var c = 0; c < d; c++) sum += q[c] * k[c];
            scores[j] = sum * scale;
            top = MathF.Max(top, scores[j]);
        }

        new Span<float>(y, d).Clear();
        for (var j = 0; j < n; j++, v += stride)
        {
            var weight = MathF.Exp(scores[j] - top);
            total += weight;
            for (var c = 0; c < d; c++) y[c] += weight * v[c];
        }

        for (var c = 0; c < d; c++) y[c] /= total;
    }
}
