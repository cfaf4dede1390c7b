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
}
