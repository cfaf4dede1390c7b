namespace AuralSam2.Ladder;

internal static unsafe class GemmPointers
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "pointers",
        "Rows are pointers: no bounds checks and no index arithmetic in the inner loop.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return () => Run(p, weight.Pointer, weight.Columns);
    }

    private static void Run(GemmProblem p, float* weight, nint stride)
    {
        int inputs = p.Inputs, outputs = p.Outputs;
        float* x = p.X.Pointer, y = p.Y.Pointer;
        for (var i = 0; i < p.Rows; i++, x += inputs, y += outputs)
        {
            Problem.Span(p.Bias).CopyTo(new Span<float>(y, outputs));
            var w = weight;
            for (var k = 0; k < inputs; k++, w += stride)
            {
                var a = x[k];
                for (var o = 0; o < outputs; o++) y[o] += a * w[o];
            }
        }
    }
}
