namespace AuralSam2.Ladder;

internal static class GemmLoopOrder
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "loop order",
        "The weight is transposed once, at load, and k moves outwards: the additions of the inner loop are independent.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return () => Run(p, Problem.Span(weight), weight.Columns);
    }

    private static void Run(GemmProblem p, Span<float> weight, int stride)
    {
        Span<float> x = Problem.Span(p.X), bias = Problem.Span(p.Bias), y = Problem.Span(p.Y);
        for (var i = 0; i < p.Rows; i++)
        {
            for (var o = 0; o < p.Outputs; o++) y[(i * p.Outputs) + o] = bias[o];
            for (var k = 0; k < p.Inputs; k++)
                for (var o = 0; o < p.Outputs; o++) y[(i * p.Outputs) + o] += x[(i * p.Inputs) + k] * weight[(k * stride) + o];
        }
    }
}
