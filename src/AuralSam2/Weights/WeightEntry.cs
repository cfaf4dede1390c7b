namespace AuralSam2.Weights;

/// <summary>One tensor of a file of weights.</summary>
/// <param name="Name">Name, as the file spells it.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="ByteLength">Bytes of its elements.</param>
public record WeightEntry(string Name, SafetensorsDType DType, IReadOnlyList<int> Shape, long ByteLength)
{
    /// <summary>Product of the dimensions.</summary>
    public long Elements => ByteLength / DType.ByteSize();
}
