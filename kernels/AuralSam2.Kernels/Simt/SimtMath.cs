using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Ops;
using ILGPU;
using ILGPU.Util;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// Functions that kernels apply to single values: the same polynomials as <see cref="Simd.VectorMath"/> on the CPU, because the
/// hardware's exponential (<c>ex2.approx</c>) loses digits as its argument grows.
/// </summary>
/// <remarks>
/// No <c>IntrinsicMath.Max</c> here: it becomes <c>max.f32</c>, which answers a NaN with the other operand. A comparison with a NaN is false, and
/// the functions below are written so that false keeps it: damaged weights must show in the result.
/// </remarks>
internal static class SimtMath
{
    /// <summary>1.5 * 2^23: adding it rounds to an integer, which the low bits of the sum then hold.</summary>
    private const float Rounder = 12582912f;

    /// <summary>The larger of two values; NaN when either is.</summary>
    public static float Max(float a, float b) => Utilities.Select((a > b) | float.IsNaN(a), a, b);

    /// <summary>a, or b if that is larger: a NaN in b is passed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Raised(float a, float b) => Utilities.Select(b > a, b, a);

    /// <summary>The larger of two values, element by element; NaN where either is.</summary>
    public static Float4 Max(Float4 a, Float4 b) => new(Max(a.X, b.X), Max(a.Y, b.Y), Max(a.Z, b.Z), Max(a.W, b.W));

    /// <summary>A value within bounds; NaN stays NaN.</summary>
    public static float Clamp(float x, float low, float high)
    {
        x = x < low ? low : x;
        return x > high ? high : x;
    }

    /// <summary>e^x, relative error below 2e-7; arguments are limited to -87.3 .. 88.3, where the result is a normal number.</summary>
    /// <remarks>x = n ln 2 + r with |r| &lt;= ln(2) / 2; ln 2 is split in two so that r keeps all its digits.</remarks>
    public static float Exp(float x)
    {
        x = Clamp(x, -87.3f, 88.3f);
        var shifted = (x * 1.44269504088896341f) + Rounder;
        var n = shifted - Rounder;
        var r = (n * -0.693145751953125f) + x;
        r = (n * -1.42860682030941723e-6f) + r;
        var p = 1f / 5040;
        p = (p * r) + (1f / 720);
        p = (p * r) + (1f / 120);
        p = (p * r) + (1f / 24);
        p = (p * r) + (1f / 6);
        p = (p * r) + 0.5f;
        p = (p * (r * r)) + (r + 1f);
        return p * Interop.IntAsFloat((uint)((int)Interop.FloatAsInt(shifted) - 0x4B400000 + 127) << 23);
    }

    /// <summary>2^x for x up to 127, relative error below 3e-7; arguments below -126 give about 1e-38.</summary>
    /// <remarks>No digits are lost in the reduction: x = n + f is exact.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp2(float x)
    {
        x = Utilities.Select(x < -126f, -126f, x);
        var shifted = x + Rounder;
        var f = x - (shifted - Rounder);
        var p = 1.5403530393381608e-4f;
        p = (p * f) + 1.3333558146428443e-3f;
        p = (p * f) + 9.6181291076284772e-3f;
        p = (p * f) + 5.5504108664821580e-2f;
        p = (p * f) + 2.4022650695910071e-1f;
        p = (p * f) + 6.9314718055994531e-1f;
        p = (p * f) + 1f;
        return p * Interop.IntAsFloat((Interop.FloatAsInt(shifted) << 23) + 0x3F800000);
    }

    /// <summary>ln(1 + e^x), relative error below 3e-7: see <see cref="Simd.VectorMath"/>.</summary>
    public static float Softplus(float x)
    {
        var u = Exp(x > 0f ? -x : x);
        var s = u / (u + 2f);
        var z = s * s;
        var p = 2f / 15;
        p = (p * z) + (2f / 13);
        p = (p * z) + (2f / 11);
        p = (p * z) + (2f / 9);
        p = (p * z) + (2f / 7);
        p = (p * z) + (2f / 5);
        p = (p * z) + (2f / 3);
        p = (p * z) + 2f;
        return (p * s) + (x < 0f ? 0f : x);
    }

    /// <summary>The error function, absolute error below 5e-7: see <see cref="Simd.VectorMath"/>.</summary>
    public static float Erf(float x)
    {
        x = Clamp(x, -4f, 4f);
        var z = x * x;
        var p = -2.72614225801306e-10f;
        p = (p * z) + 2.77068142495902e-08f;
        p = (p * z) + -2.10102402082508e-06f;
        p = (p * z) + -5.69250639462346e-05f;
        p = (p * z) + -7.34990630326855e-04f;
        p = (p * z) + -2.95459980854025e-03f;
        p = (p * z) + -1.60960333262415e-02f;
        var q = -1.45660718464996e-05f;
        q = (q * z) + -2.13374055278905e-04f;
        q = (q * z) + -1.68282697438203e-03f;
        q = (q * z) + -7.37332916720468e-03f;
        q = (q * z) + -1.42647390514189e-02f;
        return x * p / q;
    }

    /// <summary>The function that an op applies before it stores.</summary>
    public static float Activate(Activation activation, float x) => activation switch
    {
        Activation.Relu => x < 0f ? 0f : x,
        Activation.Gelu => (0.5f * x * Erf(x * 0.70710678118654752f)) + (0.5f * x),
        Activation.Sigmoid => 1f / (1f + Exp(-x)),
        _ => x,
    };

    /// <summary>dy f'(..): <paramref name="saved"/> is y for ReLU and sigmoid, x for GELU.</summary>
    public static float ActivationGradient(Activation activation, float dy, float saved) => activation switch
    {
        Activation.Relu => saved > 0f ? dy : 0f,
        Activation.Gelu => dy * ((saved * (0.39894228040143268f * Exp(-0.5f * saved * saved))) + ((0.5f * Erf(saved * 0.70710678118654752f)) + 0.5f)),
        Activation.Sigmoid => dy * (saved * (1f - saved)),
        _ => dy,
    };

    /// <summary>The function that an op applies before it stores, element by element.</summary>
    public static Float4 Activate(Activation activation, Float4 x) =>
        new(Activate(activation, x.X), Activate(activation, x.Y), Activate(activation, x.Z), Activate(activation, x.W));
}
