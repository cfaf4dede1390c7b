namespace AuralSam2.Weights;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Name">Name, as the file spells it.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="ByteLength">Bytes of the tensor.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsDType DType, IReadOnlyList<int> Shape, long Offset, long ByteLength)
    : WeightEntry(Name, DType, Shape, ByteLength);
