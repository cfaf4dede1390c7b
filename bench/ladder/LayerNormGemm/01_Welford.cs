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
        int rows = p.Rows, channels = p.Inputs;
        for (var r = 0; r < rows; r++)
        {
            Span<float> row = x.Slice(r * channels, channels), target = normalised.Slice(r * channels, channels);
            float mean = 0, squares = 0;
            for (var c = 0; c < channels; c++)
            {
                var before = row[c] - mean;
                mean += before / (c + 1);
                squares += before * (row[c] - mean);
            }

            var rstd = 1 / MathF.Sqrt((squares / channels) + p.Norm.Epsilon);
            for (var c = 0; c < channels; c++) target[c] = ((row[c] - mean) * rstd * weight[c]) + bias[c];
        }
    }
}
