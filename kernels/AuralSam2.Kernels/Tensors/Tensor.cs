namespace AuralSam2.Kernels;

/// <summary>
/// A float32 view on device memory, row-major, innermost dimension contiguous. Activations are channel-last:
/// <c>[tokens, channels]</c> or <c>[height, width, channels]</c>.
/// </summary>
/// <remarks>
/// A value: copying it copies the view, never the data. Whoever rented or allocated the buffer owns the data.
/// Rows may be further apart than <see cref="Columns"/> (<see cref="RowStride"/>): a column slice of a wider tensor is a view too.
/// </remarks>
public readonly struct Tensor
{
    internal Tensor(DeviceBuffer buffer, long offset, Shape shape, int rowStride)
    {
        Buffer = buffer;
        Offset = offset;
        Shape = shape;
        RowStride = rowStride;
    }

    /// <summary>The memory that the view looks at.</summary>
    public DeviceBuffer Buffer { get; }

    /// <summary>First element of the view, in floats from the start of <see cref="Buffer"/>.</summary>
    public long Offset { get; }

    /// <summary>Extents, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>Floats from one row to the next; equals <see cref="Columns"/> when the view is dense.</summary>
    public int RowStride { get; }

    /// <summary>True for <c>default(Tensor)</c>: an optional operand that is absent.</summary>
    public bool IsEmpty => Buffer is null;

    /// <summary>Product of all extents but the innermost.</summary>
    public int Rows => Shape.Rows;

    /// <summary>Extent of the innermost dimension.</summary>
    public int Columns => Shape.Columns;

    /// <summary>Number of elements.</summary>
    public long Length => Shape.Length;

    /// <summary>True when rows follow each other without a gap.</summary>
    public bool IsDense => RowStride == Columns || Rows <= 1;

    /// <summary>The same elements under other extents.</summary>
    /// <exception cref="ArgumentException">The number of elements differs, or the view has gaps and the row length changes.</exception>
    public Tensor Reshape(params ReadOnlySpan<int> dims)
    {
        var shape = new Shape(dims);
        if (shape.Length != Length) throw new ArgumentException($"cannot view {Shape} as {shape}: {Length} elements against {shape.Length}");
        if (!IsDense && shape.Columns != Columns) throw new ArgumentException($"cannot view {Shape} with row stride {RowStride} as {shape}");
        return new Tensor(Buffer, Offset, shape, shape.Columns == Columns ? RowStride : shape.Columns);
    }

    /// <summary>Entries <paramref name="start"/> .. <paramref name="start"/> + <paramref name="count"/> - 1 of the outermost dimension.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the dimension, or the tensor has rank 1.</exception>
    public Tensor Slice(int start, int count)
    {
        if (Shape.Rank < 2) throw new ArgumentOutOfRangeException(nameof(start), "slice a rank-1 tensor with SliceColumns");
        if (start < 0 || count < 0 || count > Shape[0] - start)
            throw new ArgumentOutOfRangeException(nameof(start), $"rows {start}..{start + count} of {Shape}");
        Span<int> dims = stackalloc int[Shape.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = Shape[i];
        dims[0] = count;
        var rowsEach = Shape[0] == 0 ? 0 : Rows / Shape[0];
        return new Tensor(Buffer, Offset + ((long)start * rowsEach * RowStride), new Shape(dims), RowStride);
    }

    /// <summary>One entry of the outermost dimension, that dimension dropped: <c>[n, a, b]</c> to <c>[a, b]</c>.</summary>
    public Tensor At(int index)
    {
        var one = Slice(index, 1);
        if (Shape.Rank == 2) return new Tensor(Buffer, one.Offset, new Shape(Columns), Columns);
        Span<int> dims = stackalloc int[Shape.Rank - 1];
        for (var i = 0; i < dims.Length; i++) dims[i] = Shape[i + 1];
        return new Tensor(Buffer, one.Offset, new Shape(dims), RowStride);
    }

    /// <summary>Columns <paramref name="start"/> .. <paramref name="start"/> + <paramref name="count"/> - 1 of every row.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the innermost dimension.</exception>
    public Tensor SliceColumns(int start, int count)
    {
        if (start < 0 || count < 0 || count > Columns - start)
            throw new ArgumentOutOfRangeException(nameof(start), $"columns {start}..{start + count} of {Shape}");
        Span<int> dims = stackalloc int[Shape.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = Shape[i];
        dims[^1] = count;
        return new Tensor(Buffer, Offset + start, new Shape(dims), RowStride);
    }

    /// <summary>Whether two views look at the same elements: an op that has both works in place.</summary>
    internal bool IsSameAs(Tensor other) =>
        Buffer == other.Buffer && Offset == other.Offset && Rows == other.Rows && Columns == other.Columns && (RowStride == other.RowStride || Rows <= 1);

    /// <summary>Address of the first element; host-memory devices only.</summary>
    internal unsafe float* Pointer => (float*)Buffer.HostAddress + Offset;

    /// <inheritdoc/>
    public override string ToString() => IsEmpty ? "(none)" : IsDense ? Shape.ToString() : $"{Shape} stride {RowStride}";
}
