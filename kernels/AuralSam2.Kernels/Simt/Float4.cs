using System.Runtime.InteropServices;

namespace AuralSam2.Kernels.Simt;

/// <summary>Four floats that move together: one 128-bit load or store where the memory is aligned to 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float4(float x, float y, float z, float w)
{
    public readonly float X = x;
    public readonly float Y = y;
    public readonly float Z = z;
    public readonly float W = w;

    /// <summary>scale * this + addend, which PTX has as one instruction per element.</summary>
    public Float4 MultiplyAdd(float scale, Float4 addend) =>
        new((scale * X) + addend.X, (scale * Y) + addend.Y, (scale * Z) + addend.Z, (scale * W) + addend.W);

    /// <summary>The product with one number.</summary>
    public static Float4 operator *(Float4 a, float scale) => new(a.X * scale, a.Y * scale, a.Z * scale, a.W * scale);

    /// <summary>scale * this + addend, element by element.</summary>
    public Float4 MultiplyAdd(Float4 scale, Float4 addend) =>
        new((scale.X * X) + addend.X, (scale.Y * Y) + addend.Y, (scale.Z * Z) + addend.Z, (scale.W * W) + addend.W);
}

/// <summary>
/// A 4 x 4 block of sums that one thread keeps in registers. ILGPU unrolls no loops and puts arrays with computed indices into local
/// memory, so the sixteen sums are fields.
/// </summary>
internal readonly struct Quad(Float4 row0, Float4 row1, Float4 row2, Float4 row3)
{
    public readonly Float4 Row0 = row0;
    public readonly Float4 Row1 = row1;
    public readonly Float4 Row2 = row2;
    public readonly Float4 Row3 = row3;

    /// <summary>This plus the outer product of a column a and a row b: eight floats read, sixteen multiply-adds.</summary>
    public Quad AddOuter(Float4 a, Float4 b) =>
        new(b.MultiplyAdd(a.X, Row0), b.MultiplyAdd(a.Y, Row1), b.MultiplyAdd(a.Z, Row2), b.MultiplyAdd(a.W, Row3));

    /// <summary>This plus four rows, each multiplied by the same weights element by element.</summary>
    public Quad AddWeighted(Float4 weight, Float4 row0, Float4 row1, Float4 row2, Float4 row3) => new(
        row0.MultiplyAdd(weight, Row0), row1.MultiplyAdd(weight, Row1), row2.MultiplyAdd(weight, Row2), row3.MultiplyAdd(weight, Row3));
}
