using System.Runtime.CompilerServices;

namespace AuralSam2.Kernels.Simd;

/// <summary>Elementary functions on vectors, accurate to a few units in the last place over the ranges that networks use.</summary>
/// <remarks>Limits stand first in Min and Max: x86 returns the second operand when one is NaN, and a NaN must not become a plausible
/// number.</remarks>
internal static class VectorMath
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>
    /// 2^t. Taylor series of 2^f on |f| &lt;= 1/2 to degree 6: the remainder is below 1.3e-7. Arguments below -126 give about 1e-38.
    /// </summary>
    [MethodImpl(Inline)]
    public static V Exp2<S, V>(V t)
        where S : struct, ISimd<V>
        where V : struct
    {
        t = S.Min(S.Create(127f), S.Max(S.Create(-126f), t));
        var n = S.Round(t);
        var f = S.Sub(t, n);
        var p = S.Create(1.5403530393381608e-4f);
        p = S.Fma(p, f, S.Create(1.3333558146428443e-3f));
        p = S.Fma(p, f, S.Create(9.6181291076284772e-3f));
        p = S.Fma(p, f, S.Create(5.5504108664821580e-2f));
        p = S.Fma(p, f, S.Create(2.4022650695910071e-1f));
        p = S.Fma(p, f, S.Create(6.9314718055994531e-1f));
        p = S.Fma(p, f, S.Create(1f));
        return S.Scale(p, n);
    }

    /// <summary>e^x.</summary>
    /// <remarks>x log2(e) = n + f with the rounding error of the product kept (Cody and Waite), so that large |x| lose no digits.</remarks>
    [MethodImpl(Inline)]
    public static V Exp<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        x = S.Min(S.Create(88.3f), S.Max(S.Create(-87.3f), x));
        var n = S.Round(S.Mul(x, S.Create(1.44269504088896341f)));
        var r = S.Fma(n, S.Create(-0.693145751953125f), x);
        r = S.Fma(n, S.Create(-1.42860682030941723e-6f), r);
        var p = S.Create(1f / 5040);
        p = S.Fma(p, r, S.Create(1f / 720));
        p = S.Fma(p, r, S.Create(1f / 120));
        p = S.Fma(p, r, S.Create(1f / 24));
        p = S.Fma(p, r, S.Create(1f / 6));
        p = S.Fma(p, r, S.Create(0.5f));
        p = S.Fma(p, S.Mul(r, r), S.Add(r, S.Create(1f)));
        return S.Scale(p, n);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(Inline)]
    public static V Sigmoid<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        var one = S.Create(1f);
        return S.Div(one, S.Add(one, Exp<S, V>(S.Sub(S.Zero, x))));
    }

    /// <summary>ln(1 + e^x), relative error below 3e-7.</summary>
    /// <remarks>
    /// max(x, 0) + ln(1 + u) with u = e^-|x| at most 1, and ln(1 + u) = 2 artanh(u / (2 + u)): the series in s = u / (2 + u), at most a third,
    /// has less than 1e-8 left after s^15.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V Softplus<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        var negative = S.Sub(S.Zero, x);
        var u = Exp<S, V>(S.Min(negative, x)); // -|x|
        var s = S.Div(u, S.Add(u, S.Create(2f)));
        var z = S.Mul(s, s);
        var p = S.Create(2f / 15);
        p = S.Fma(p, z, S.Create(2f / 13));
        p = S.Fma(p, z, S.Create(2f / 11));
        p = S.Fma(p, z, S.Create(2f / 9));
        p = S.Fma(p, z, S.Create(2f / 7));
        p = S.Fma(p, z, S.Create(2f / 5));
        p = S.Fma(p, z, S.Create(2f / 3));
        p = S.Fma(p, z, S.Create(2f));
        return S.Fma(p, s, S.Max(S.Zero, x));
    }

    /// <summary>
    /// The error function: odd rational approximation of degree 13/8 on |x| &lt;= 4 (the one of XLA and Eigen), absolute error below 5e-7.
    /// </summary>
    [MethodImpl(Inline)]
    public static V Erf<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        x = S.Max(S.Create(-4f), S.Min(S.Create(4f), x));
        var z = S.Mul(x, x);
        var p = S.Create(-2.72614225801306e-10f);
        p = S.Fma(p, z, S.Create(2.77068142495902e-08f));
        p = S.Fma(p, z, S.Create(-2.10102402082508e-06f));
        p = S.Fma(p, z, S.Create(-5.69250639462346e-05f));
        p = S.Fma(p, z, S.Create(-7.34990630326855e-04f));
        p = S.Fma(p, z, S.Create(-2.95459980854025e-03f));
        p = S.Fma(p, z, S.Create(-1.60960333262415e-02f));
        var q = S.Create(-1.45660718464996e-05f);
        q = S.Fma(q, z, S.Create(-2.13374055278905e-04f));
        q = S.Fma(q, z, S.Create(-1.68282697438203e-03f));
        q = S.Fma(q, z, S.Create(-7.37332916720468e-03f));
        q = S.Fma(q, z, S.Create(-1.42647390514189e-02f));
        return S.Div(S.Mul(x, p), q);
    }

    /// <summary>x Phi(x), the exact form: x/2 (1 + erf(x / sqrt 2)).</summary>
    [MethodImpl(Inline)]
    public static V Gelu<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        var half = S.Mul(x, S.Create(0.5f));
        return S.Fma(half, Erf<S, V>(S.Mul(x, S.Create(0.70710678118654752f))), half);
    }

    /// <summary>The slope of <see cref="Gelu"/>: Phi(x) + x phi(x), with phi the normal density.</summary>
    [MethodImpl(Inline)]
    public static V GeluSlope<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        var half = S.Create(0.5f);
        var phi = S.Fma(half, Erf<S, V>(S.Mul(x, S.Create(0.70710678118654752f))), half);
        var density = S.Mul(S.Create(0.39894228040143268f), Exp<S, V>(S.Mul(S.Mul(x, x), S.Create(-0.5f))));
        return S.Fma(x, density, phi);
    }
}
