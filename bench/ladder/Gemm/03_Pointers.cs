namespace AuralSam2.Ladder;

internal static unsafe class GemmPointers
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "pointers",
        "Pointers instead of spans, four outputs in a step: no bounds checks, and a quarter of the loop's own arithmetic.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return () => Run(p, weight.Pointer, weight.Columns);
    }

    private static void Run(GemmProblem p, float* weight, nint stride)
    {
        int rows = p.Rows, inputs = p.Inputs, outputs = p.Outputs;
        float* x = p.X.Pointer, y = p.Y.Pointer;
        for (var i = 0; i < rows; i++, x += inputs, y += outputs)
        {
            Problem.Span(p.Bias).CopyTo(new Span<float>(y, outputs));
            for (nint k = 0; k < inputs; k++) AddRow(outputs, x[k], weight + (k * stride), y);
        }
    }

    private static void AddRow(int count, float a, float* w, float* y)
    {
        for (; count >= 4; count -= 4, w += 4, y += 4)
        {
            y[0] += a * w[0];
            y[1] += a * w[1];
            y[2] += a * w[2];
            y[3] += a * w[3];
        }

        for (; count > 0; count--, w++, y++) *y += a * *w;
    }
}
