namespace AuralSam2.Weights;

/// <summary>Element types of the safetensors format, all little-endian.</summary>
public enum SafetensorsDType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits.</summary>
    F8E4M3,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits.</summary>
    F8E5M2,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of an IEEE 754 binary32.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>IEEE 754 binary64.</summary>
    F64,
}

/// <summary>Name and size of each <see cref="SafetensorsDType"/>.</summary>
public static class SafetensorsDTypes
{
    private static readonly (string Tag, int Size)[] Table =
    [
        ("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E4M3", 1), ("F8_E5M2", 1), ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2),
        ("I32", 4), ("U32", 4), ("F32", 4), ("I64", 8), ("U64", 8), ("F64", 8),
    ];

    /// <summary>The name a file uses, such as <c>F8_E4M3</c>.</summary>
    public static string Tag(this SafetensorsDType dtype) => Table[(int)dtype].Tag;

    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this SafetensorsDType dtype) => Table[(int)dtype].Size;

    /// <summary>The element type of a file's name for it; <c>null</c> for a name the format does not have.</summary>
    internal static SafetensorsDType? Parse(string tag)
    {
        var index = Array.FindIndex(Table, row => row.Tag == tag);
        return index < 0 ? null : (SafetensorsDType)index;
    }
}
