using AuralSam2.Kernels.Ops;

namespace AuralSam2.Kernels.Registry;

/// <summary>The mathematics that references share, in float64 and written from the definitions: slow, and easy to believe.</summary>
internal static class ReferenceMath
{
    /// <summary>
    /// The error function to about 1e-15: its Maclaurin series in Kummer's form (all terms positive, no cancellation) up to 3, beyond it
    /// the continued fraction of the complement (Abramowitz and Stegun 7.1.6 and 7.1.14).
    /// </summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x)) return x;
        var a = Math.Abs(x);
        if (a >= 3) return Math.Sign(x) * (1 - ErfcFraction(a));
        // erf x = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (1 3 5 .. (2n+1))
        double term = x, sum = x;
        for (var n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>An activation as <see cref="Activation"/> defines it.</summary>
    public static double Activate(Activation activation, double x) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.Gelu => 0.5 * x * (1 + Erf(x / Math.Sqrt(2))),
        Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        _ => x,
    };

    /// <summary>
    /// Error to allow for float32 sums of n terms of random sign, relative to the largest of the results. A partial sum of j terms is about
    /// sqrt j and is rounded once, so the error of all n is about n 2^-25 where the result is sqrt n: 3e-8 sqrt n, and a third more for the
    /// unluckiest element. The constant covers what happens around the sum, the approximation of erf being the largest part of it.
    /// A sigmoid's result is at most 1 however large the sum, and its slope a quarter: the error of the sum counts as it is.
    /// </summary>
    public static double SumBudget(int n, Activation activation = Activation.None) =>
        (2e-7 + (4e-8 * Math.Sqrt(n))) * (activation == Activation.Sigmoid ? Math.Max(1, Math.Sqrt(n) / 4) : 1);

    /// <summary>The dot product.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    /// <summary>x W^T + b: <c>[rows, inputs]</c> and <c>[outputs, inputs]</c> to <c>[rows, outputs]</c>; no bias where it is empty.</summary>
    public static double[] Linear(ReadOnlySpan<double> x, int inputs, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias, int outputs)
    {
        var rows = x.Length / inputs;
        var y = new double[rows * outputs];
        for (var r = 0; r < rows; r++)
            for (var o = 0; o < outputs; o++)
                y[(r * outputs) + o] = Dot(x.Slice(r * inputs, inputs), weight.Slice(o * inputs, inputs)) + (bias.IsEmpty ? 0 : bias[o]);
        return y;
    }

    /// <summary>Layer norm of every row of <c>[rows, channels]</c>.</summary>
    public static double[] LayerNorm(ReadOnlySpan<double> x, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias, double epsilon)
    {
        var channels = weight.Length;
        var y = new double[x.Length];
        for (var r = 0; r < x.Length; r += channels)
        {
            double mean = 0, variance = 0;
            for (var c = 0; c < channels; c++) mean += x[r + c] / channels;
            for (var c = 0; c < channels; c++) variance += (x[r + c] - mean) * (x[r + c] - mean) / channels;
            for (var c = 0; c < channels; c++) y[r + c] = ((x[r + c] - mean) / Math.Sqrt(variance + epsilon) * weight[c]) + bias[c];
        }

        return y;
    }

    /// <summary>softmax(q . k / sqrt d) v of one query of one head, each weight times a dropout's factor where there is one.</summary>
    public static double[] Attend(
        double[] q, IReadOnlyList<double[]> keys, IReadOnlyList<double[]> values, Func<int, double>? dropout = null)
    {
        var scores = keys.Select(k => Dot(q, k) / Math.Sqrt(q.Length)).ToArray();
        var top = scores.Max();
        var weights = scores.Select(s => Math.Exp(s - top)).ToArray();
        var sum = weights.Sum();
        var y = new double[values[0].Length];
        for (var k = 0; k < weights.Length; k++)
            for (var c = 0; c < y.Length; c++) y[c] += weights[k] / sum * (dropout?.Invoke(k) ?? 1) * values[k][c];
        return y;
    }

    /// <summary>Lentz would do; from the far end with 60 terms it is exact to the last digit for x of 3 and more.</summary>
    private static double ErfcFraction(double x)
    {
        var fraction = x;
        for (var n = 60; n >= 1; n--) fraction = x + (n / 2.0 / fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / fraction;
    }
}
