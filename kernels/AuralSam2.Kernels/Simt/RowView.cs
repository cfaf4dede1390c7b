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
    public Float4 Load(int row, ColumnQuad quad)
    {
        var at = ((long)row * Stride) + quad.First;
        if (quad.IsVector) return Data.Cast<Float4>()[at >> 2];
        return new Float4(
            quad.Count > 0 ? Data[at] : 0f, quad.Count > 1 ? Data[at + 1] : 0f,
            quad.Count > 2 ? Data[at + 2] : 0f, quad.Count > 3 ? Data[at + 3] : 0f);
    }

    /// <summary>Four columns of a row; what is behind its end is dropped.</summary>
    public void Store(int row, ColumnQuad quad, Float4 value)
    {
        var at = ((long)row * Stride) + quad.First;
        if (quad.IsVector)
        {
            Data.Cast<Float4>()[at >> 2] = value;
            return;
        }

        if (quad.Count > 0) Data[at] = value.X;
        if (quad.Count > 1) Data[at + 1] = value.Y;
        if (quad.Count > 2) Data[at + 2] = value.Z;
        if (quad.Count > 3) Data[at + 3] = value.W;
    }
}
