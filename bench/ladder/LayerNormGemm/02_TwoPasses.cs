namespace AuralSam2.Ladder;

internal static class LayerNormTwoPasses
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "two passes",
        "The mean first, then the squares around it: a row is in the first-level cache, so reading it twice costs less than dividing.",
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
            float sum = 0, squares = 0;
            foreach (var value in row) sum += value;
            var mean = sum / channels;
            foreach (var value in row) squares += (value - mean) * (value - mean);
            var rstd = 1 / MathF.Sqrt((squares / channels) + p.Norm.Epsilon);
            for (var c = 0; c < channels; c++) target[c] = ((row[c] - mean) * rstd * weight[c]) + bias[c];
        }
    }
}
