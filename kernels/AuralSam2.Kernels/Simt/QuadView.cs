using System.Runtime.CompilerServices;
using ILGPU;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// A tensor as kernels see it that move four columns at a time: 128 bits at once where addresses allow it, else float by float.
/// Absent operands have no rows.
/// </summary>
/// <param name="rows">The tensor.</param>
/// <param name="wide">Whether its address, stride and columns are multiples of four floats.</param>
internal readonly struct QuadView(RowView rows, bool wide)
{
    public readonly int Rows = rows.Rows;
    public readonly int Columns = rows.Columns;
    public readonly int Stride = rows.Stride;
    private readonly int wide = wide ? 1 : 0;
    private readonly ArrayView<float> floats = rows.Data;
    private readonly ArrayView<Float4> quads = wide ? rows.Data.Cast<Float4>() : default; // a cast in a kernel would forget the alignment

    /// <summary>Quads in a row; the last one may be ragged.</summary>
    public int ColumnQuads => (Columns + 3) >> 2;

    /// <summary>Whether a tensor can be read 128 bits at a time.</summary>
    public static bool IsWide(Tensor t) => t.Offset % 4 == 0 && t.RowStride % 4 == 0 && t.Columns % 4 == 0;

    /// <summary>The view of a tensor, or of none.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another device.</exception>
    public static QuadView Of(IlgpuDevice device, Tensor tensor) => tensor.IsEmpty ? default : new(device.Rows(tensor), IsWide(tensor));

    /// <summary>Where a quad starts, in floats. 64 bits wide: an activation may hold more than 2^31 floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Element(int row, int quad) => ((long)row * Stride) + (quad << 2);

    /// <summary>Whether <see cref="ReadWide"/> and <see cref="WriteWide"/> may be used.</summary>
    public bool Wide => wide != 0;

    /// <summary>A quad, with zeros behind the end of its row.</summary>
    /// <param name="element">Where it starts.</param>
    /// <param name="quad">Its number in the row: how much of it there is.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(long element, int quad) => Wide ? ReadWide(element) : ReadRagged(element, quad);

    /// <summary><see cref="Read"/> of a wide tensor: one load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 ReadWide(long element) => quads[element >> 2];

    /// <summary><see cref="Read"/> of any tensor: up to four loads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 ReadRagged(long element, int quad)
    {
        var left = Columns - (quad << 2);
        return new(
            left > 0 ? floats[element] : 0f, left > 1 ? floats[element + 1] : 0f,
            left > 2 ? floats[element + 2] : 0f, left > 3 ? floats[element + 3] : 0f);
    }

    /// <summary>Stores as much of a quad as its row has room for.</summary>
    /// <param name="element">Where it starts.</param>
    /// <param name="quad">Its number in the row.</param>
    /// <param name="values">The values.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write(long element, int quad, Float4 values)
    {
        if (Wide) WriteWide(element, values);
        else WriteRagged(element, quad, values);
    }

    /// <summary><see cref="Write"/> to a wide tensor: one store.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteWide(long element, Float4 values) => quads[element >> 2] = values;

    /// <summary><see cref="Write"/> to any tensor: up to four stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteRagged(long element, int quad, Float4 values)
    {
        var left = Columns - (quad << 2);
        if (left > 0) floats[element] = values.X;
        if (left > 1) floats[element + 1] = values.Y;
        if (left > 2) floats[element + 2] = values.Z;
        if (left > 3) floats[element + 3] = values.W;
    }
}
