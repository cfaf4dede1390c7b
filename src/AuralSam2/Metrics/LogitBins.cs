namespace AuralSam2.Metrics;

/// <summary>
/// Finds for a logit x the last of the 255 thresholds t[k] = k (1 - 1e-10) / 254 with sigmoid(x) >= t[k], without computing a
/// sigmoid: the sigmoid rises, so each threshold has a least float that reaches it. One more cut, between 0 and the least positive float,
/// separates what a mask holds (x > 0) from what it does not; the cuts so make 256 bins, and a histogram over them answers every question.
/// </summary>
/// <remarks>
/// Thresholds and sigmoid are those of float64. In the float32 of the original the last threshold rounds to 1, which a logit of 17 reaches
/// instead of 23: only that one of the 255 can differ by more than rounding.
/// </remarks>
internal static class LogitBins
{
    /// <summary>Thresholds of the F measure.</summary>
    public const int Thresholds = 255;

    /// <summary>Bins between the cuts.</summary>
    public const int Count = Thresholds + 1;

    private const double LastThreshold = 1 - 1e-10;

    /// <summary>Least float of every bin, ascending; that of bin 0 is minus infinity.</summary>
    private static readonly float[] Least = [.. Enumerable.Range(0, Thresholds).Select(LeastReaching).Append(float.Epsilon).Order()];

    /// <summary>
    /// Bin of the least float with given upper 16 bits: sign, exponent and 7 bits of the mantissa. Within them lie few cuts, mostly none.
    /// </summary>
    private static readonly byte[] Start = [.. Enumerable.Range(0, 1 << 16).Select(StartOf)];

    /// <summary>The first bin of the mask: logits above 0.</summary>
    public static int FirstOfMask { get; } = Array.IndexOf(Least, float.Epsilon);

    /// <summary>First bin whose logits reach a threshold.</summary>
    public static int FirstReaching(int threshold) => threshold < FirstOfMask ? threshold : threshold + 1;

    /// <summary>Threshold <paramref name="k"/>: <c>linspace(0, 1 - 1e-10, 255)[k]</c>.</summary>
    public static double Threshold(int k) => k == Thresholds - 1 ? LastThreshold : k * (LastThreshold / (Thresholds - 1));

    /// <summary>1 / (1 + exp(-x)) in double precision.</summary>
    public static double Sigmoid(float x) => 1 / (1 + Math.Exp(-(double)x));

    /// <summary>Counts logits by bin, apart for label 0 (first 256 counts) and other labels (last 256).</summary>
    public static void Add(ReadOnlySpan<float> logits, ReadOnlySpan<byte> labels, Span<int> counts)
    {
        for (var i = 0; i < logits.Length; i++)
        {
            var x = logits[i];
            int bin = Start[BitConverter.SingleToUInt32Bits(x) >> 16];
            while (bin + 1 < Count && x >= Least[bin + 1]) bin++;
            counts[labels[i] == 0 ? bin : Count + bin]++;
        }
    }

    private static float LeastReaching(int k)
    {
        if (k == 0) return float.NegativeInfinity;
        var threshold = Threshold(k);
        var x = (float)Math.Log(threshold / (1 - threshold));
        while (Sigmoid(x) >= threshold) x = MathF.BitDecrement(x);
        while (Sigmoid(x) < threshold) x = MathF.BitIncrement(x);
        return x;
    }

    private static byte StartOf(int upper)
    {
        // Among negative floats the largest magnitude is the least.
        var bits = (uint)upper << 16;
        var least = BitConverter.UInt32BitsToSingle(upper < 0x8000 ? bits : bits | 0xFFFF);
        if (float.IsNaN(least)) least = upper < 0x8000 ? float.PositiveInfinity : float.NegativeInfinity;
        return (byte)(Least.Count(cut => cut <= least) - 1);
    }
}
