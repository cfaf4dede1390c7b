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
        int rows = p.Rows, inputs = p.Inputs, outputs = p.Outputs;
        for (var i = 0; i < rows; i++)
        {
            for (var o = 0; o < outputs; o++)
            {
                var sum = bias[o];
                for (var k = 0; k < inputs; k++) sum += x[(i * inputs) + k] * weight[(o * inputs) + k];
                y[(i * outputs) + o] = sum;
            }
        }
    }
}
