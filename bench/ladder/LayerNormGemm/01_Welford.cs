namespace AuralSam2.Ladder;

internal static class LayerNormWelford
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "Welford",
        "The norm as an op of its own, by the textbook's one pass: every element waits for a division.",
        Bind);

    private static Action Bind(LayerNormGemmProblem p)
    {
        var normalised = p.Normalised;
        return () =>
        {
            Run(p, Problem.Span(normalised));
            p.Product(normalised, p.Y);
        };
    }

    private static void Run(LayerNormGemmProblem p, Span<float> normalised)
    {
        Span<float> weight = Problem.Span(p.Norm.Weight), bias = Problem.Span(p.Norm.Bias), x = Problem.Span(p.X);
        for (var r = 0; r < p.Rows; r++)
        {
            Span<float> row = x.Slice(r * p.Inputs, p.Inputs), target = normalised.Slice(r * p.Inputs, p.Inputs);
            float mean = 0, squares = 0;
            for (var c = 0; c < row.Length; c++)
            {
                var before = row[c] - mean;
                mean += before / (c + 1);
                squares += before * (row[c] - mean);
            }

            var rstd = 1 / MathF.Sqrt((squares / row.Length) + p.Norm.Epsilon);
            for (var c = 0; c < row.Length; c++) target[c] = ((row[c] - mean) * rstd * weight[c]) + bias[c];
        }
    }
}
