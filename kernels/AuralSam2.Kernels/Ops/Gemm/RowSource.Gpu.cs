using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The left operand of a product, read four neighbouring inputs at a time: rows of a matrix, or patches of an image that exist nowhere in memory.
/// </summary>
/// <typeparam name="TCursor">A place in a row: what a thread keeps, so that going on along the row costs no multiplication or division.</typeparam>
internal interface IRowSource<TCursor>
    where TCursor : struct
{
    /// <summary>Length of a row: k.</summary>
    int Inputs { get; }

    /// <summary>The place of four inputs, the first a multiple of four. Behind the last row lies the last row: its sums are not stored.</summary>
    TCursor At(int row, int input);

    /// <summary>A place further along the row; <paramref name="inputs"/> is a multiple of four.</summary>
    TCursor Skip(TCursor cursor, int inputs);

    /// <summary>
    /// Four inputs. Behind the end of the row they are any values of that row: a packed weight is zero there, and a load without a branch is
    /// worth more than zeros twice.
    /// </summary>
    Float4 Read(TCursor cursor);
}

/// <summary>A place in a matrix: where its row starts, and how far along it is.</summary>
internal readonly struct RowCursor<TOffset>(TOffset row, int along)
    where TOffset : unmanaged
{
    public readonly TOffset Row = row;
    public readonly int Along = along;
}

/// <summary>Rows whose address, length and stride are multiples of four floats: counted in quads, read 128 bits at a time.</summary>
/// <param name="x"><c>[rows, inputs]</c>.</param>
internal readonly struct QuadRows(RowView x) : IRowSource<RowCursor<int>>
{
    private readonly ArrayView<Float4> quads = x.Data.Cast<Float4>();
    private readonly int lastRow = x.Rows - 1;
    private readonly int inputs = x.Columns;
    private readonly int lastQuad = (x.Columns / 4) - 1;
    private readonly int stride = x.Stride / 4;

    /// <inheritdoc/>
    public int Inputs => inputs;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<int> At(int row, int input) => new(IntrinsicMath.Min(row, lastRow) * stride, input >> 2);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<int> Skip(RowCursor<int> cursor, int inputs) => new(cursor.Row, cursor.Along + (inputs >> 2));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(RowCursor<int> cursor) => quads[cursor.Row + IntrinsicMath.Min(cursor.Along, lastQuad)];
}

/// <summary>Rows of any address, length and stride, float by float.</summary>
/// <param name="x"><c>[rows, inputs]</c>.</param>
internal readonly struct ScalarRows(RowView x) : IRowSource<RowCursor<long>>
{
    private readonly RowView x = x;

    /// <inheritdoc/>
    public int Inputs => x.Columns;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<long> At(int row, int input) => new((long)IntrinsicMath.Min(row, x.Rows - 1) * x.Stride, input);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor<long> Skip(RowCursor<long> cursor, int inputs) => new(cursor.Row, cursor.Along + inputs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(RowCursor<long> cursor) => new(One(cursor, 0), One(cursor, 1), One(cursor, 2), One(cursor, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float One(RowCursor<long> cursor, int ahead) =>
        x.Data[cursor.Row + IntrinsicMath.Min(cursor.Along + ahead, x.Columns - 1)];
}
