using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>A number for each of the eight queries of a thread.</summary>
internal struct Octet(float q0, float q1, float q2, float q3, float q4, float q5, float q6, float q7)
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public float Q0 = q0;
    public float Q1 = q1;
    public float Q2 = q2;
    public float Q3 = q3;
    public float Q4 = q4;
    public float Q5 = q5;
    public float Q6 = q6;
    public float Q7 = q7;

    /// <summary>One number for all.</summary>
    [MethodImpl(Inline)]
    public static Octet All(float value) => new(value, value, value, value, value, value, value, value);

    /// <summary>Those of the first four queries and those of the others.</summary>
    [MethodImpl(Inline)]
    public static Octet Of(Float4 left, Float4 right) => new(left.X, left.Y, left.Z, left.W, right.X, right.Y, right.Z, right.W);

    /// <summary>Those of the first four queries.</summary>
    public readonly Float4 Left
    {
        [MethodImpl(Inline)]
        get => new(Q0, Q1, Q2, Q3);
    }

    /// <summary>Those of the others.</summary>
    public readonly Float4 Right
    {
        [MethodImpl(Inline)]
        get => new(Q4, Q5, Q6, Q7);
    }

    /// <summary>This += scale * others. In place: the emulator, which runs kernels as the .NET methods they are, copies no sums around.</summary>
    [MethodImpl(Inline)]
    public void Accumulate(float scale, in Octet others)
    {
        Q0 += scale * others.Q0;
        Q1 += scale * others.Q1;
        Q2 += scale * others.Q2;
        Q3 += scale * others.Q3;
        Q4 += scale * others.Q4;
        Q5 += scale * others.Q5;
        Q6 += scale * others.Q6;
        Q7 += scale * others.Q7;
    }

    /// <summary>This *= factors.</summary>
    [MethodImpl(Inline)]
    public void Scale(in Octet factors)
    {
        Q0 *= factors.Q0;
        Q1 *= factors.Q1;
        Q2 *= factors.Q2;
        Q3 *= factors.Q3;
        Q4 *= factors.Q4;
        Q5 *= factors.Q5;
        Q6 *= factors.Q6;
        Q7 *= factors.Q7;
    }

    /// <summary>This = the larger of both. A NaN among the others is passed over: a score that is one makes its weight one.</summary>
    [MethodImpl(Inline)]
    public void Raise(in Octet others)
    {
        Q0 = others.Q0 > Q0 ? others.Q0 : Q0;
        Q1 = others.Q1 > Q1 ? others.Q1 : Q1;
        Q2 = others.Q2 > Q2 ? others.Q2 : Q2;
        Q3 = others.Q3 > Q3 ? others.Q3 : Q3;
        Q4 = others.Q4 > Q4 ? others.Q4 : Q4;
        Q5 = others.Q5 > Q5 ? others.Q5 : Q5;
        Q6 = others.Q6 > Q6 ? others.Q6 : Q6;
        Q7 = others.Q7 > Q7 ? others.Q7 : Q7;
    }

    /// <summary>2^(this - others).</summary>
    public readonly Octet Exp2Minus(in Octet others) => new(
        SimtMath.Exp2(Q0 - others.Q0), SimtMath.Exp2(Q1 - others.Q1), SimtMath.Exp2(Q2 - others.Q2), SimtMath.Exp2(Q3 - others.Q3),
        SimtMath.Exp2(Q4 - others.Q4), SimtMath.Exp2(Q5 - others.Q5), SimtMath.Exp2(Q6 - others.Q6), SimtMath.Exp2(Q7 - others.Q7));

    /// <summary>1 / this.</summary>
    public readonly Octet Reciprocal() => new(1f / Q0, 1f / Q1, 1f / Q2, 1f / Q3, 1f / Q4, 1f / Q5, 1f / Q6, 1f / Q7);
}
