namespace AuralSam2.Ladder;

internal static class GemmNaive
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "naive",
        "The definition: a dot product for every element, each addition waiting for the one before.",
        p => () => Run(p));

    private static void Run(GemmProblem p)
    {
        Span<float> x = Problem.Span(p.X), weight = Problem.Span(p.Weight), bias = Problem.Span(p.Bias), y = Problem.Span(p.Y);
        for (var i = 0; i < p.Rows; i++)
        {
            for (var o = 0; o < p.Outputs; o++)
            {
                var sum = bias[o];
                for (var k = 0; k < p.Inputs; k++) sum += x[(i * p.Inputs) + k] * weight[(o * p.Inputs) + k];
                y[(i * p.Outputs) + o] = sum;
            }
        }
    }
}
