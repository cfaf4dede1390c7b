namespace AuralSam2.Ladder;

internal static class AttentionNaive
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "naive",
        "The definition: a matrix of all scores, its softmax, and a sum down the values for every element of the result.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var scores = new float[p.Tokens * p.Tokens];
        return () =>
        {
            for (var h = 0; h < p.Heads; h++) Head(p, scores, h * p.HeadDim);
        };
    }

    private static void Head(AttentionProblem p, float[] scores, int column)
    {
        Span<float> q = Problem.Span(p.Q), k = Problem.Span(p.K), v = Problem.Span(p.V), y = Problem.Span(p.Y);
        int n = p.Tokens, d = p.HeadDim, stride = p.Channels;
        var scale = p.Scale;
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var sum = 0f;
                for (var c = column; c < column + d; c++) sum += q[(i * stride) + c] * k[(j * stride) + c];
                scores[(i * n) + j] = sum * scale;
            }
        }

        for (var i = 0; i < n; i++) Softmax(scores.AsSpan(i * n, n));

        for (var i = 0; i < n; i++)
        {
            for (var c = column; c < column + d; c++)
            {
                var sum = 0f;
                for (var j = 0; j < n; j++) sum += scores[(i * n) + j] * v[(j * stride) + c];
                y[(i * stride) + c] = sum;
            }
        }
    }

    private static void Softmax(Span<float> row)
    {
        float top = float.NegativeInfinity, sum = 0;
        foreach (var score in row) top = MathF.Max(top, score);
        foreach (ref var score in row) sum += score = MathF.Exp(score - top);
        foreach (ref var score in row) score /= sum;
    }
}
