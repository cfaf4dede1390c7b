using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>A number for each of the eight queries of a thread, in two quads.</summary>
internal readonly struct Octet(Float4 left, Float4 right)
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public readonly Float4 Left = left;
    public readonly Float4 Right = right;

    [MethodImpl(Inline)]
    public static Octet operator +(Octet a, Octet b) => new(Sum(a.Left, b.Left), Sum(a.Right, b.Right));

    [MethodImpl(Inline)]
    public static Octet operator -(Octet a, Octet b) => new(Difference(a.Left, b.Left), Difference(a.Right, b.Right));

    [MethodImpl(Inline)]
    public static Octet operator *(Octet a, Octet b) => new(Product(a.Left, b.Left), Product(a.Right, b.Right));

    /// <summary>One number for all.</summary>
    [MethodImpl(Inline)]
    public static Octet All(float value) => new(new(value, value, value, value), new(value, value, value, value));

    /// <summary>scale * this + addend.</summary>
    [MethodImpl(Inline)]
    public Octet MultiplyAdd(float scale, Octet addend) => new(
        new((scale * Left.X) + addend.Left.X, (scale * Left.Y) + addend.Left.Y, (scale * Left.Z) + addend.Left.Z, (scale * Left.W) + addend.Left.W),
        new(
            (scale * Right.X) + addend.Right.X, (scale * Right.Y) + addend.Right.Y,
            (scale * Right.Z) + addend.Right.Z, (scale * Right.W) + addend.Right.W));

    /// <summary>The larger numbers of both. A NaN among the others is ignored: a score that is one makes its weight one.</summary>
    [MethodImpl(Inline)]
    public Octet Larger(Octet others) => new(Larger(Left, others.Left), Larger(Right, others.Right));

    /// <summary>2^this.</summary>
    [MethodImpl(Inline)]
    public Octet Exp2() => new(Exp2(Left), Exp2(Right));

    /// <summary>1 / this.</summary>
    [MethodImpl(Inline)]
    public Octet Reciprocal() => new(Reciprocal(Left), Reciprocal(Right));

    [MethodImpl(Inline)]
    private static Float4 Sum(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    [MethodImpl(Inline)]
    private static Float4 Difference(Float4 a, Float4 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    [MethodImpl(Inline)]
    private static Float4 Product(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    [MethodImpl(Inline)]
    private static Float4 Larger(Float4 a, Float4 b) => new(b.X > a.X ? b.X : a.X, b.Y > a.Y ? b.Y : a.Y, b.Z > a.Z ? b.Z : a.Z, b.W > a.W ? b.W : a.W);

    [MethodImpl(Inline)]
    private static Float4 Exp2(Float4 a) => new(SimtMath.Exp2(a.X), SimtMath.Exp2(a.Y), SimtMath.Exp2(a.Z), SimtMath.Exp2(a.W));

    [MethodImpl(Inline)]
    private static Float4 Reciprocal(Float4 a) => new(1f / a.X, 1f / a.Y, 1f / a.Z, 1f / a.W);
}
