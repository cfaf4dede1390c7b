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
            Run(p, p.X.Pointer, normalised.Pointer);
            p.Product(normalised, p.Y);
        };
    }

    private static void Run(LayerNormGemmProblem p, float* x, float* y)
    {
        float* weight = p.Norm.Weight.Pointer, bias = p.Norm.Bias.Pointer;
        int rows = p.Rows, channels = p.Inputs;
        for (var r = 0; r < rows; r++, x += channels, y += channels)
        {
            var mean = Sum(x, channels) / channels;
            var variance = Squares(x, channels, mean) / channels;
            var rstd = 1 / MathF.Sqrt(variance + p.Norm.Epsilon);
            for (var c = 0; c < channels; c++) y[c] = ((x[c] - mean) * rstd * weight[c]) + bias[c];
        }
    }

    private static float Sum(float* x, int count)
    {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        var c = 0;
        for (; c + 4 <= count; c += 4)
        {
            s0 += x[c];
            s1 += x[c + 1];
            s2 += x[c + 2];
            s3 += x[c + 3];
        }

        for (; c < count; c++) s0 += x[c];
        return s0 + s1 + (s2 + s3);
    }

    /// <summary>Sum of squared distances from the mean.</summary>
    private static float Squares(float* x, int count, float mean)
    {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        var c = 0;
        for (; c + 4 <= count; c += 4)
        {
            float d0 = x[c] - mean, d1 = x[c + 1] - mean, d2 = x[c + 2] - mean, d3 = x[c + 3] - mean;
            s0 += d0 * d0;
            s1 += d1 * d1;
            s2 += d2 * d2;
            s3 += d3 * d3;
        }

        for (; c < count; c++) s0 += (x[c] - mean) * (x[c] - mean);
        return s0 + s1 + (s2 + s3);
    }
}
