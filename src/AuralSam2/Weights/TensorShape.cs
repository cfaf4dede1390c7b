namespace AuralSam2.Weights;

/// <summary>Arithmetic and text of shapes as files hold them: any rank, <c>[]</c> for a scalar, dimensions of zero allowed.</summary>
internal static class TensorShape
{
    /// <summary>Product of the dimensions; 1 for a scalar.</summary>
    /// <exception cref="OverflowException">The product does not fit.</exception>
    public static int Elements(ReadOnlySpan<int> shape)
    {
        var elements = 1;
        foreach (var dim in shape) elements = checked(elements * dim);
        return elements;
    }

    /// <summary>How messages and tables show a shape: <c>[96, 3, 7, 7]</c>.</summary>
    public static string Text(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";
}
