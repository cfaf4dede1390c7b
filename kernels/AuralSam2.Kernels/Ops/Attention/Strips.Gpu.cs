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
    void AddOuter(ArrayView<Float4> shared, long rows, int step, in Octet queries);

    /// <summary>Multiplies the sums of each query by a factor of its own.</summary>
    void Scale(in Octet factors);

    /// <summary>Replaces all rows but the first ones.</summary>
    /// <param name="rows">Rows to keep, counted from the first strip's first.</param>
    /// <param name="replacement">What takes the place of the others.</param>
    /// <param name="step">Quads from the first two strips to the others.</param>
    void Cut(int rows, int step, Octet replacement);

    /// <summary>Raises the maximum of each query to its largest sum.</summary>
    void Raise(ref Octet maximum);

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
    public void AddOuter(ArrayView<Float4> shared, long rows, int step, in Octet queries)
    {
        var factors = shared[rows];
        row0.Accumulate(factors.X, queries);
        row1.Accumulate(factors.Y, queries);
        row2.Accumulate(factors.Z, queries);
        row3.Accumulate(factors.W, queries);
    }

    [MethodImpl(Inline)]
    public void Scale(in Octet factors)
    {
        row0.Scale(factors);
        row1.Scale(factors);
        row2.Scale(factors);
        row3.Scale(factors);
    }

    public void Cut(int rows, int step, Octet replacement)
    {
        if (rows < 1) row0 = replacement;
        if (rows < 2) row1 = replacement;
        if (rows < 3) row2 = replacement;
        if (rows < 4) row3 = replacement;
    }

    public readonly void Raise(ref Octet maximum)
    {
        maximum.Raise(row0);
        maximum.Raise(row1);
        maximum.Raise(row2);
        maximum.Raise(row3);
    }

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
        target.Store(target.Left.Row0, quad, factors.Q0, new(row0.Q0, row1.Q0, row2.Q0, row3.Q0));
        target.Store(target.Left.Row1, quad, factors.Q1, new(row0.Q1, row1.Q1, row2.Q1, row3.Q1));
        target.Store(target.Left.Row2, quad, factors.Q2, new(row0.Q2, row1.Q2, row2.Q2, row3.Q2));
        target.Store(target.Left.Row3, quad, factors.Q3, new(row0.Q3, row1.Q3, row2.Q3, row3.Q3));
        target.Store(target.Right.Row0, quad, factors.Q4, new(row0.Q4, row1.Q4, row2.Q4, row3.Q4));
        target.Store(target.Right.Row1, quad, factors.Q5, new(row0.Q5, row1.Q5, row2.Q5, row3.Q5));
        target.Store(target.Right.Row2, quad, factors.Q6, new(row0.Q6, row1.Q6, row2.Q6, row3.Q6));
        target.Store(target.Right.Row3, quad, factors.Q7, new(row0.Q7, row1.Q7, row2.Q7, row3.Q7));
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
    public void AddOuter(ArrayView<Float4> shared, long rows, int step, in Octet queries)
    {
        First.AddOuter(shared, rows, step, queries);
        Second.AddOuter(shared, rows + Offset(step), step, queries);
    }

    [MethodImpl(Inline)]
    public void Scale(in Octet factors)
    {
        First.Scale(factors);
        Second.Scale(factors);
    }

    public void Cut(int rows, int step, Octet replacement)
    {
        First.Cut(rows, step, replacement);
        Second.Cut(rows - (4 * Offset(step)), step, replacement);
    }

    public readonly void Raise(ref Octet maximum)
    {
        First.Raise(ref maximum);
        Second.Raise(ref maximum);
    }

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
