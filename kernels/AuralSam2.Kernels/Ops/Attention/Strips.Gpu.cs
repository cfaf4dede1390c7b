using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// What one thread sums up in registers: strips of four rows (keys of the scores, channels of the outputs) by eight queries. There is a type
/// for each number of strips, because registers cannot be indexed.
/// </summary>
/// <remarks>
/// A strip's rows are a quad in shared memory. The first two strips are neighbours, so that one address serves both; two more lie
/// <c>step</c> quads further, because the lanes would meet in the same banks if all four were neighbours.
/// </remarks>
internal interface IStrips
{
    /// <summary>How many strips.</summary>
    static abstract int Count { get; }

    /// <summary>Adds the outer products of eight queries and of a quad of rows per strip.</summary>
    void AddOuter(ArrayView<Float4> shared, long rows, int step, Octet queries);

    /// <summary>Multiplies the sums of each query by a factor of its own.</summary>
    void Scale(Octet factors);

    /// <summary>Replaces all rows but the first ones.</summary>
    /// <param name="rows">Rows to keep, counted from the first strip's first.</param>
    /// <param name="replacement">What takes the place of the others.</param>
    /// <param name="step">Quads from the first two strips to the others.</param>
    void Cut(int rows, int step, Octet replacement);

    /// <summary>The largest sum of each query, not below <paramref name="least"/>.</summary>
    Octet Largest(Octet least);

    /// <summary>Stores rows to shared memory, <paramref name="stride"/> quads apart.</summary>
    void StoreRows(ArrayView<Float4> shared, long at, int stride, int step);

    /// <summary>Stores queries, each times its factor, to global memory: a quad of channels per strip.</summary>
    void StoreQueries(in FlashTarget target, Octet factors, int quad, int step);
}

/// <summary>One strip: twelve floats read for 32 multiply-adds.</summary>
internal struct Strip : IStrips
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private Octet row0;
    private Octet row1;
    private Octet row2;
    private Octet row3;

    public static int Count => 1;

    [MethodImpl(Inline)]
    public void AddOuter(ArrayView<Float4> shared, long rows, int step, Octet queries)
    {
        var factors = shared[rows];
        row0 = queries.MultiplyAdd(factors.X, row0);
        row1 = queries.MultiplyAdd(factors.Y, row1);
        row2 = queries.MultiplyAdd(factors.Z, row2);
        row3 = queries.MultiplyAdd(factors.W, row3);
    }

    [MethodImpl(Inline)]
    public void Scale(Octet factors)
    {
        row0 *= factors;
        row1 *= factors;
        row2 *= factors;
        row3 *= factors;
    }

    public void Cut(int rows, int step, Octet replacement)
    {
        if (rows < 1) row0 = replacement;
        if (rows < 2) row1 = replacement;
        if (rows < 3) row2 = replacement;
        if (rows < 4) row3 = replacement;
    }

    [MethodImpl(Inline)]
    public readonly Octet Largest(Octet least) => least.Larger(row0).Larger(row1).Larger(row2).Larger(row3);

    [MethodImpl(Inline)]
    public readonly void StoreRows(ArrayView<Float4> shared, long at, int stride, int step)
    {
        Store(shared, at, row0);
        Store(shared, at + stride, row1);
        Store(shared, at + (2 * stride), row2);
        Store(shared, at + (3 * stride), row3);
    }

    public readonly void StoreQueries(in FlashTarget target, Octet factors, int quad, int step)
    {
        if (quad >= target.Quads) return;
        target.Store(target.Left.Row0, quad, factors.Left.X, new(row0.Left.X, row1.Left.X, row2.Left.X, row3.Left.X));
        target.Store(target.Left.Row1, quad, factors.Left.Y, new(row0.Left.Y, row1.Left.Y, row2.Left.Y, row3.Left.Y));
        target.Store(target.Left.Row2, quad, factors.Left.Z, new(row0.Left.Z, row1.Left.Z, row2.Left.Z, row3.Left.Z));
        target.Store(target.Left.Row3, quad, factors.Left.W, new(row0.Left.W, row1.Left.W, row2.Left.W, row3.Left.W));
        target.Store(target.Right.Row0, quad, factors.Right.X, new(row0.Right.X, row1.Right.X, row2.Right.X, row3.Right.X));
        target.Store(target.Right.Row1, quad, factors.Right.Y, new(row0.Right.Y, row1.Right.Y, row2.Right.Y, row3.Right.Y));
        target.Store(target.Right.Row2, quad, factors.Right.Z, new(row0.Right.Z, row1.Right.Z, row2.Right.Z, row3.Right.Z));
        target.Store(target.Right.Row3, quad, factors.Right.W, new(row0.Right.W, row1.Right.W, row2.Right.W, row3.Right.W));
    }

    [MethodImpl(Inline)]
    private static void Store(ArrayView<Float4> shared, long at, Octet row)
    {
        shared[at] = row.Left;
        shared[at + 1] = row.Right;
    }
}

/// <summary>Strips, and more strips.</summary>
internal struct StripPair<TFirst, TSecond> : IStrips
    where TFirst : unmanaged, IStrips
    where TSecond : unmanaged, IStrips
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public TFirst First;
    public TSecond Second;

    public static int Count => TFirst.Count + TSecond.Count;

    /// <summary>Quads from the first strip to those of the second part.</summary>
    [MethodImpl(Inline)]
    private static int Offset(int step) => TFirst.Count == 1 ? 1 : step;

    [MethodImpl(Inline)]
    public void AddOuter(ArrayView<Float4> shared, long rows, int step, Octet queries)
    {
        First.AddOuter(shared, rows, step, queries);
        Second.AddOuter(shared, rows + Offset(step), step, queries);
    }

    [MethodImpl(Inline)]
    public void Scale(Octet factors)
    {
        First.Scale(factors);
        Second.Scale(factors);
    }

    public void Cut(int rows, int step, Octet replacement)
    {
        First.Cut(rows, step, replacement);
        Second.Cut(rows - (4 * Offset(step)), step, replacement);
    }

    [MethodImpl(Inline)]
    public readonly Octet Largest(Octet least) => Second.Largest(First.Largest(least));

    [MethodImpl(Inline)]
    public readonly void StoreRows(ArrayView<Float4> shared, long at, int stride, int step)
    {
        First.StoreRows(shared, at, stride, step);
        Second.StoreRows(shared, at + (4 * Offset(step) * stride), stride, step);
    }

    public readonly void StoreQueries(in FlashTarget target, Octet factors, int quad, int step)
    {
        First.StoreQueries(target, factors, quad, step);
        Second.StoreQueries(target, factors, quad + Offset(step), step);
    }
}
