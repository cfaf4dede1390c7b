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

    /// <summary>The same place some rows further down; <paramref name="row"/> is where the cursor is.</summary>
    TCursor Down(TCursor cursor, int row, int rows);

    /// <summary>
    /// Four inputs. Those of the row's last slice that lie behind its end are any finite values, or values of that row: a packed weight is zero
    /// there. Further behind they are any values, which nobody uses.
    /// </summary>
    Float4 Read(TCursor cursor);
}

/// <summary>
/// Rows whose address and stride are multiples of four floats and whose length is a multiple of the deepest slice: counted in quads, read 128
/// bits at a time, and never asked where they end. A cursor is the number of a quad.
/// </summary>
/// <param name="x"><c>[rows, inputs]</c>.</param>
internal readonly struct QuadRows(RowView x) : IRowSource<int>
{
    private readonly ArrayView<Float4> quads = x.Data.Cast<Float4>();
    private readonly int lastRow = x.Rows - 1;
    private readonly int lastQuad = ((x.Rows - 1) * (x.Stride / 4)) + (x.Columns / 4) - 1;
    private readonly int inputs = x.Columns;
    private readonly int stride = x.Stride / 4;

    /// <inheritdoc/>
    public int Inputs => inputs;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int At(int row, int input) => (IntrinsicMath.Min(row, lastRow) * stride) + (input >> 2);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Skip(int cursor, int inputs) => cursor + (inputs >> 2);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Down(int cursor, int row, int rows) => cursor + ((IntrinsicMath.Min(row + rows, lastRow) - IntrinsicMath.Min(row, lastRow)) * stride);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(int cursor) => quads[IntrinsicMath.Min(cursor, lastQuad)];
}

/// <summary>A place in a matrix: where its row starts, and how far along it is.</summary>
internal readonly struct RowCursor(long row, int along)
{
    public readonly long Row = row;
    public readonly int Along = along;
}

/// <summary>Rows of any address, length and stride, float by float.</summary>
/// <param name="x"><c>[rows, inputs]</c>.</param>
internal readonly struct ScalarRows(RowView x) : IRowSource<RowCursor>
{
    private readonly RowView x = x;

    /// <inheritdoc/>
    public int Inputs => x.Columns;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor At(int row, int input) => new((long)IntrinsicMath.Min(row, x.Rows - 1) * x.Stride, input);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor Skip(RowCursor cursor, int inputs) => new(cursor.Row, cursor.Along + inputs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowCursor Down(RowCursor cursor, int row, int rows) => At(row + rows, cursor.Along);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(RowCursor cursor) => new(One(cursor, 0), One(cursor, 1), One(cursor, 2), One(cursor, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float One(RowCursor cursor, int ahead) =>
        x.Data[cursor.Row + IntrinsicMath.Min(cursor.Along + ahead, x.Columns - 1)];
}
