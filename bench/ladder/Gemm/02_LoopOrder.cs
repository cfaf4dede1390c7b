namespace AuralSam2.Ladder;

internal static class GemmLoopOrder
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "loop order",
        "The weight is transposed, once, and k moves outwards: no addition waits for another, though each now loads and stores y.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return () => Run(p, Problem.Span(weight), weight.Columns);
    }

    private static void Run(GemmProblem p, Span<float> weight, int stride)
    {
        Span<float> x = Problem.Span(p.X), bias = Problem.Span(p.Bias), y = Problem.Span(p.Y);
        int rows = p.Rows, inputs = p.Inputs, outputs = p.Outputs;
        for (var i = 0; i < rows; i++)
        {
            var row = y.Slice(i * outputs, outputs);
            bias.CopyTo(row);
            for (var k = 0; k < inputs; k++)
            {
                var a = x[(i * inputs) + k];
                for (var o = 0; o < outputs; o++) row[o] += a * weight[(k * stride) + o];
            }
        }
    }
}
