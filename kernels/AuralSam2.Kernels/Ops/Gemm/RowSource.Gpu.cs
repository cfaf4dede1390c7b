using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The left operand of a product, read four neighbouring inputs at a time: rows of a matrix, or patches of an image that exist nowhere in memory.
/// </summary>
/// <typeparam name="TCursor">A place in a row: what a thread keeps so that going on along the row costs no multiplication or division.</typeparam>
internal interface IRowSource<TCursor>
    where TCursor : struct
{
    /// <summary>Length of a row, k.</summary>
    int Inputs { get; }

    /// <summary>The place of four inputs, the first a multiple of four. Behind the last row is the last row: its sums are not stored.</summary>
    TCursor At(int row, int input);

    /// <summary>A place further along the row; <paramref name="inputs"/> is a multiple of four.</summary>
    TCursor Skip(TCursor cursor, int inputs);

    /// <summary>
    /// Four inputs. Behind the end of the row are any values of that row: a packed weight has zeros there, and a branch less is worth more than
    /// zeros twice.
    /// </summary>
    Float4 Read(TCursor cursor);
}

/// <summary>A place in a matrix.</summary>
internal readonly struct RowCursor<TIndex>(TIndex row, int input)
    where TIndex : unmanaged
{
    public readonly TIndex Row = row;
    public readonly int Input = input;
}

/// <summary>Rows whose length, stride and address are multiples of four floats: 128-bit loads, counted in quads.</summary>
internal readonly struct QuadRows(ArrayView<Float4> quads, RowView x) : IRowSource<RowCursor<int>>
{
    private readonly ArrayView<Float4> quads = quads;
    private readonly int lastRow = x.Rows - 1;
    private readonly int lastQuad = (x.Columns / 4) - 1;
    private readonly int stride = x.Stride / 4;

    public int Inputs => (lastQuad + 1) * 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<int> At(int row, int input) => new(IntrinsicMath.Min(row, lastRow) * stride, input >> 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<int> Skip(RowCursor<int> cursor, int inputs) => new(cursor.Row, cursor.Input + (inputs >> 2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(RowCursor<int> cursor) => quads[cursor.Row + IntrinsicMath.Min(cursor.Input, lastQuad)];
}

/// <summary>Rows of any length and stride, float by float.</summary>
internal readonly struct ScalarRows(RowView x) : IRowSource<RowCursor<long>>
{
    private readonly RowView x = x;

    public int Inputs => x.Columns;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<long> At(int row, int input) => new((long)IntrinsicMath.Min(row, x.Rows - 1) * x.Stride, input);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<long> Skip(RowCursor<long> cursor, int inputs) => new(cursor.Row, cursor.Input + inputs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(RowCursor<long> cursor) =>
        new(Read(cursor, 0), Read(cursor, 1), Read(cursor, 2), Read(cursor, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float Read(RowCursor<long> cursor, int ahead) =>
        x.Data[cursor.Row + IntrinsicMath.Min(cursor.Input + ahead, x.Columns - 1)];
}
