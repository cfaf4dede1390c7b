using ILGPU;

namespace AuralSam2.Kernels.Simt;

/// <summary>A tensor as kernels see it: rows of contiguous columns, <see cref="Stride"/> floats apart. Absent operands have no rows.</summary>
internal readonly struct RowView(ArrayView<float> data, int rows, int columns, int stride)
{
    public readonly ArrayView<float> Data = data;
    public readonly int Rows = rows;
    public readonly int Columns = columns;
    public readonly int Stride = stride;

    /// <summary>One element. The row's offset is 64 bits wide: an activation may hold more than 2^31 floats.</summary>
    public ref float this[int row, int column] => ref Data[((long)row * Stride) + column];

    /// <summary>Four columns of a row; zeros behind its end.</summary>
    public Float4 Load(int row, ColumnQuad quad) => quad.Load(From(row));

    /// <summary>Four columns of a row; what is behind its end is dropped.</summary>
    public void Store(int row, ColumnQuad quad, Float4 value) => quad.Store(From(row), value);

    /// <summary>All from the start of a row on. Unsigned, because 32 x 32 bits to 64 are one instruction then.</summary>
    public ArrayView<float> From(int row)
    {
        var start = (long)((ulong)(uint)row * (uint)Stride);
        return Data.SubView(start, Data.Length - start);
    }
}
