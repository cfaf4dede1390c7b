using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Kernels.Simt;

/// <summary>Four floats that move together: one 128-bit load or store where the memory is aligned to 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Float4(float x, float y, float z, float w)
{
    public float X = x;
    public float Y = y;
    public float Z = z;
    public float W = w;

    /// <summary>scale * this + addend, which PTX has as one instruction per element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 MultiplyAdd(float scale, Float4 addend) =>
        new((scale * X) + addend.X, (scale * Y) + addend.Y, (scale * Z) + addend.Z, (scale * W) + addend.W);

    /// <summary>scale * this + addend, element by element.</summary>
    public readonly Float4 MultiplyAdd(Float4 scale, Float4 addend) =>
        new((scale.X * X) + addend.X, (scale.Y * Y) + addend.Y, (scale.Z * Z) + addend.Z, (scale.W * W) + addend.W);
    /// <summary>this += scale * b. In place: the emulator, which runs kernels as the .NET methods they are, copies no sums around.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Accumulate(float scale, Float4 b)
    {
        X += scale * b.X;
        Y += scale * b.Y;
        Z += scale * b.Z;
        W += scale * b.W;
    }

    /// <summary>The function that an op applies before it stores, asked for once and not four times.</summary>
    public readonly Float4 Activate(Activation activation) => activation == Activation.None
        ? this
        : new(
            SimtMath.Activate(activation, X), SimtMath.Activate(activation, Y),
            SimtMath.Activate(activation, Z), SimtMath.Activate(activation, W));

    /// <summary>The sum, element by element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 operator +(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);
}

/// <summary>
/// A 4 x 4 block of sums that one thread keeps in registers. ILGPU unrolls no loops and puts arrays with computed indices into local
/// memory, so the sixteen sums are fields.
/// </summary>
internal struct Quad(Float4 row0, Float4 row1, Float4 row2, Float4 row3)
{
    public Float4 Row0 = row0;
    public Float4 Row1 = row1;
    public Float4 Row2 = row2;
    public Float4 Row3 = row3;

    /// <summary>This plus the outer product of a column a and a row b: eight floats read, sixteen multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Quad AddOuter(Float4 a, Float4 b) =>
        new(b.MultiplyAdd(a.X, Row0), b.MultiplyAdd(a.Y, Row1), b.MultiplyAdd(a.Z, Row2), b.MultiplyAdd(a.W, Row3));

    /// <summary>This plus four rows, each multiplied by the same weights element by element.</summary>
    public readonly Quad AddWeighted(Float4 weight, Float4 row0, Float4 row1, Float4 row2, Float4 row3) => new(
        row0.MultiplyAdd(weight, Row0), row1.MultiplyAdd(weight, Row1), row2.MultiplyAdd(weight, Row2), row3.MultiplyAdd(weight, Row3));
    /// <summary>The same in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AccumulateOuter(Float4 a, Float4 b)
    {
        Row0.Accumulate(a.X, b);
        Row1.Accumulate(a.Y, b);
        Row2.Accumulate(a.Z, b);
        Row3.Accumulate(a.W, b);
    }

    /// <summary>A row by its number, which costs three selections.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float4 Row(int row) => row < 2 ? (row == 0 ? Row0 : Row1) : (row == 2 ? Row2 : Row3);

    /// <summary>sums += x times this, a row of four times a 4 x 4 matrix.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void AddProduct(ref Float4 sums, Float4 x)
    {
        sums.Accumulate(x.X, Row0);
        sums.Accumulate(x.Y, Row1);
        sums.Accumulate(x.Z, Row2);
        sums.Accumulate(x.W, Row3);
    }
}
