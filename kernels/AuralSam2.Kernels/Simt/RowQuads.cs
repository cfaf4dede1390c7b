using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// How element-wise kernels walk rows x columns: a thread owns one <see cref="ColumnQuad"/> of one row, and neighbouring threads own
/// neighbouring quads, across the ends of rows as well.
/// </summary>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns of a row.</param>
/// <param name="QuadsEach">Quads of a row; the last may be incomplete.</param>
/// <param name="Vector">See <see cref="ColumnQuad"/>.</param>
internal readonly record struct RowQuads(int Rows, int Columns, int QuadsEach, int Vector)
{
    /// <summary>Most elements of a dense tensor that are walked as one row: columns are 32-bit numbers.</summary>
    public const long LongestRow = 1L << 30;

    /// <summary>The walk over tensors of equal rows and columns; where none of them has gaps, over one long row.</summary>
    public static RowQuads Over(params ReadOnlySpan<Tensor> operands)
    {
        var whole = operands[0];
        var (flat, aligned) = (whole.Length <= LongestRow, true);
        foreach (var operand in operands)
        {
            flat &= operand.IsDense;
            aligned &= operand.Offset % 4 == 0;
        }

        return flat
            ? new RowQuads(1, (int)whole.Length, ((int)whole.Length + 3) / 4, aligned ? 1 : 0)
            : Of(whole.Rows, whole.Columns, operands);
    }

    /// <summary>The walk over rows x columns of operands that may have other rows; the kernel finds theirs.</summary>
    public static RowQuads Of(int rows, int columns, params ReadOnlySpan<Tensor> operands) =>
        new(rows, columns, (columns + 3) / 4, VectorOf(operands));

    /// <summary>1 where every row of every operand starts on 16 bytes; buffers start there, and then each fourth float.</summary>
    public static int VectorOf(params ReadOnlySpan<Tensor> operands)
    {
        var aligned = true;
        foreach (var operand in operands) aligned &= operand.Offset % 4 == 0 && (operand.Rows == 1 || operand.RowStride % 4 == 0);
        return aligned ? 1 : 0;
    }

    /// <summary>Groups of <paramref name="threads"/> threads that own all quads.</summary>
    /// <exception cref="OverflowException">More than 2^31 quads.</exception>
    public long Groups(int threads)
    {
        var groups = (((long)Rows * QuadsEach) + threads - 1) / threads;
        return checked((int)(groups * threads)) / threads; // a thread's number has 32 bits
    }

    /// <summary>What this thread owns; nothing behind the last row.</summary>
    public (int Row, ColumnQuad Quad) OfThisThread()
    {
        var index = (Grid.IdxX * Group.DimX) + Group.IdxX;
        var row = (int)((uint)index / (uint)QuadsEach); // a third fewer instructions than with signs
        var first = (index - (row * QuadsEach)) * 4;
        return (row, new ColumnQuad(first, row < Rows ? Columns - first : 0, Vector));
    }
}

/// <summary>Four neighbouring columns, or what is left of a row.</summary>
/// <param name="First">The first column, a multiple of four.</param>
/// <param name="Count">Columns from there to the end of the row; 0 or less: none.</param>
/// <param name="Vector">1 where rows start on 16 bytes, so that four columns are one 128-bit access; otherwise 0.</param>
internal readonly record struct ColumnQuad(int First, int Count, int Vector)
{
    /// <summary>True where there is no column.</summary>
    public bool IsEmpty => Count <= 0;

    /// <summary>True where one 128-bit access moves it.</summary>
    public bool IsVector => Vector != 0 & Count >= 4;

    /// <summary>
    /// The same where <see cref="IsVector"/>, said as constants: a kernel with many loads branches once, and the compiler makes one copy of its
    /// code for 128-bit accesses and one for the rest.
    /// </summary>
    public ColumnQuad AsVector => new(First, 4, 1);

    /// <summary>The other copy.</summary>
    public ColumnQuad AsScalars => new(First, Count, 0);

    /// <summary>Reads it from a row; zeros behind the row's end.</summary>
    public Float4 Load(ArrayView<float> row)
    {
        if (IsVector) return row.AsAligned(16).Cast<Float4>()[First / 4];
        return new Float4(
            Count > 0 ? row[First] : 0f, Count > 1 ? row[First + 1] : 0f, Count > 2 ? row[First + 2] : 0f, Count > 3 ? row[First + 3] : 0f);
    }

    /// <summary>Writes it to a row; what is behind the row's end is dropped.</summary>
    public void Store(ArrayView<float> row, Float4 value)
    {
        if (IsVector)
        {
            row.AsAligned(16).Cast<Float4>()[First / 4] = value;
            return;
        }

        if (Count > 0) row[First] = value.X;
        if (Count > 1) row[First + 1] = value.Y;
        if (Count > 2) row[First + 2] = value.Z;
        if (Count > 3) row[First + 3] = value.W;
    }
}
