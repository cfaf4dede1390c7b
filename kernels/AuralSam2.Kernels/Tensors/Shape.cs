using System.Runtime.CompilerServices;

namespace AuralSam2.Kernels;

/// <summary>The extents of a row-major tensor, at most four of them, outermost first.</summary>
/// <remarks>A value type: making, slicing and passing shapes never touches the managed heap.</remarks>
public readonly struct Shape : IEquatable<Shape>
{
    [InlineArray(MaxRank)]
    private struct Extents
    {
        private int first;
    }

    /// <summary>The largest rank a tensor may have.</summary>
    public const int MaxRank = 4;

    private readonly Extents extents;

    /// <summary>Makes a shape from its extents, outermost first.</summary>
    /// <exception cref="ArgumentException">No extents, more than <see cref="MaxRank"/>, or a negative one.</exception>
    public Shape(params ReadOnlySpan<int> dims)
    {
        if (dims.Length is 0 or > MaxRank) throw new ArgumentException($"a shape has 1 to {MaxRank} dimensions, not {dims.Length}");
        Rank = dims.Length;
        for (var i = 0; i < dims.Length; i++)
        {
            if (dims[i] < 0) throw new ArgumentException($"dimension {i} is negative: {dims[i]}");
            extents[i] = dims[i];
        }
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Extent of one dimension; <c>^1</c> is the innermost.</summary>
    public int this[Index index] => extents[index.GetOffset(Rank)];

    /// <summary>Extent of the innermost dimension: channels of an activation.</summary>
    public int Columns => extents[Rank - 1];

    /// <summary>Product of all extents but the innermost.</summary>
    public int Rows
    {
        get
        {
            var rows = 1;
            for (var i = 0; i < Rank - 1; i++) rows = checked(rows * extents[i]);
            return rows;
        }
    }

    /// <summary>Number of elements.</summary>
    public long Length => (long)Rows * Columns;

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank) return false;
        for (var i = 0; i < Rank; i++)
            if (extents[i] != other.extents[i]) return false;
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, extents[0], extents[1], extents[2], extents[3]);

    /// <summary>Same extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different extents.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The extents as <c>[a, b, c]</c>.</summary>
    public override string ToString()
    {
        var parts = new string[Rank];
        for (var i = 0; i < Rank; i++) parts[i] = extents[i].ToString(System.Globalization.CultureInfo.InvariantCulture);
        return $"[{string.Join(", ", parts)}]";
    }
}
