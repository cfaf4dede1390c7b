using ILGPU;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// Float64 functions for kernels whose contract is float64 inside, from polynomials: what ILGPU offers instead may be a float32
/// approximation on one device and the host's library on another.
/// </summary>
internal static class SimtDouble
{
    /// <summary>The largest integer that is not above x, for x within 32 bits: two instructions, where <see cref="Math.Floor(double)"/> takes thirty.</summary>
    public static int Floor(double x)
    {
        var n = (int)x;
        return x < n ? n - 1 : n;
    }

    /// <summary>ln x for positive normal x, absolute error below 4e-16 plus half a unit in the last place; infinity and NaN stay what they are.</summary>
    /// <remarks>
    /// x = 2^n m with m in sqrt(1/2) .. sqrt(2), and ln m = 2 artanh s with s = (m - 1) / (m + 1), |s| &lt;= 0.172: the series
    /// s + s^3/3 + s^5/5 ... has less than 1e-17 left after s^19.
    /// </remarks>
    public static double Log(double x)
    {
        if (!(x < double.PositiveInfinity)) return x;
        var bits = Interop.FloatAsInt(x);
        // Counted from sqrt(1/2): the exponent changes there.
        var n = (int)((long)(bits - 0x3FE6A09E667F3BCD) >> 52);
        var m = Interop.IntAsFloat(bits - ((ulong)(long)n << 52));
        var s = (m - 1) / (m + 1);
        var z = s * s;
        var p = 1.0 / 21;
        p = (p * z) + (1.0 / 19);
        p = (p * z) + (1.0 / 17);
        p = (p * z) + (1.0 / 15);
        p = (p * z) + (1.0 / 13);
        p = (p * z) + (1.0 / 11);
        p = (p * z) + (1.0 / 9);
        p = (p * z) + (1.0 / 7);
        p = (p * z) + (1.0 / 5);
        p = (p * z) + (1.0 / 3);
        p = (p * z * s) + s;
        return (n * 0.693147180559945309) + (2 * p);
    }

    /// <summary>Sine and cosine of 2 pi <paramref name="turns"/>, absolute error below 3e-16, for turns up to some thousands.</summary>
    /// <remarks>Whole quarters of a turn are exact; the Taylor series of what is left, at most pi / 4, have less than 5e-17 left.</remarks>
    public static (double Sin, double Cos) SinCos(double turns)
    {
        var quarters = Floor((4 * turns) + 0.5);
        var x = (turns - (0.25 * quarters)) * 6.28318530717958648;
        var z = x * x;
        var s = -1.0 / 1307674368000;
        s = (s * z) + (1.0 / 6227020800);
        s = (s * z) - (1.0 / 39916800);
        s = (s * z) + (1.0 / 362880);
        s = (s * z) - (1.0 / 5040);
        s = (s * z) + (1.0 / 120);
        s = (s * z) - (1.0 / 6);
        s = (s * z * x) + x;
        var c = 1.0 / 20922789888000;
        c = (c * z) - (1.0 / 87178291200);
        c = (c * z) + (1.0 / 479001600);
        c = (c * z) - (1.0 / 3628800);
        c = (c * z) + (1.0 / 40320);
        c = (c * z) - (1.0 / 720);
        c = (c * z) + (1.0 / 24);
        c = (c * z) - 0.5;
        c = (c * z) + 1;
        var (sin, cos) = (quarters & 1) == 0 ? (s, c) : (c, -s);
        return (quarters & 2) == 0 ? (sin, cos) : (-sin, -cos);
    }
}
