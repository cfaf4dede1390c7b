namespace AuralSam2.Ladder;

internal static unsafe class LayerNormFourSums
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "four sums",
        "Four partial sums at a time, through pointers: an addition no longer waits for the one before it.",
        Bind);

    private static Action Bind(LayerNormGemmProblem p)
    {
        var normalised = p.Normalised;
        return () =>
        {
            for (nint r = 0; r < p.Rows; r++) Row(p, p.X.Pointer + (r * p.Inputs), normalised.Pointer + (r * p.Inputs));
            p.Product(normalised, p.Y);
        };
    }

    private static void Row(LayerNormGemmProblem p, float* x, float* y)
    {
        float* weight = p.Norm.Weight.Pointer, bias = p.Norm.Bias.Pointer;
        var channels = p.Inputs;
        var mean = Sum(x, channels, 0, squared: false) / channels;
        var variance = Sum(x, channels, mean, squared: true) / channels;
        var rstd = 1 / MathF.Sqrt(variance + p.Norm.Epsilon);
        for (var c = 0; c < channels; c++) y[c] = ((x[c] - mean) * rstd * weight[c]) + bias[c];
    }

    /// <summary>The sum of x - center, or of its squares.</summary>
    private static float Sum(float* x, int count, float center, bool squared)
    {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        var c = 0;
        for (; c + 4 <= count; c += 4)
        {
            float d0 = x[c] - center, d1 = x[c + 1] - center, d2 = x[c + 2] - center, d3 = x[c + 3] - center;
            s0 += squared ? d0 * d0 : d0;
            s1 += squared ? d1 * d1 : d1;
            s2 += squared ? d2 * d2 : d2;
            s3 += squared ? d3 * d3 : d3;
        }

        for (; c < count; c++) s0 += squared ? (x[c] - center) * (x[c] - center) : x[c] - center;
        return s0 + s1 + (s2 + s3);
    }
}
