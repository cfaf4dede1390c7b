using System.Buffers;
using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>One tensor to be written: its place in the header, and its bytes when their turn comes.</summary>
public sealed class SafetensorsTensor
{
    /// <summary>Elements converted at a time.</summary>
    private const int ChunkElements = 1 << 14;

    /// <summary>Bytes copied at a time.</summary>
    private const int CopiedBytes = 1 << 18;

    private readonly Action<Stream> write;

    private SafetensorsTensor(string name, SafetensorsDType dtype, int[] shape, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name == SafetensorsHeader.MetadataKey) throw new ArgumentException($"{name} is the name of the metadata", nameof(name));
        foreach (var dim in shape) ArgumentOutOfRangeException.ThrowIfNegative(dim, nameof(shape));
        Name = name;
        DType = dtype;
        Shape = [.. shape];
        Elements = TensorShape.Elements(shape);
        this.write = write;
    }

    /// <summary>Name in the file.</summary>
    public string Name { get; }

    /// <summary>Element type in the file.</summary>
    public SafetensorsDType DType { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Bytes in the file.</summary>
    public long ByteLength => (long)Elements * DType.ByteSize();

    private int Elements { get; }

    /// <summary>float32 values, stored as F32, F16, BF16 or F64 (round-to-nearest-even).</summary>
    public static SafetensorsTensor Of(
        string name, int[] shape, ReadOnlyMemory<float> values, SafetensorsDType dtype = SafetensorsDType.F32) =>
        Sized(name, dtype, shape, values.Length, stream => WriteFloats(stream, values.Span, dtype));

    /// <summary>float32 values that are made when their turn comes, so that a checkpoint never holds all of them at once.</summary>
    public static SafetensorsTensor Of(string name, int[] shape, Func<float[]> values, SafetensorsDType dtype = SafetensorsDType.F32) =>
        new(name, dtype, shape, stream => WriteFloats(stream, values(), dtype));

    /// <summary>float64 values, stored as F64.</summary>
    public static SafetensorsTensor Of(string name, int[] shape, ReadOnlyMemory<double> values) =>
        Sized(name, SafetensorsDType.F64, shape, values.Length, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>32-bit integers, stored as I32.</summary>
    public static SafetensorsTensor Of(string name, int[] shape, ReadOnlyMemory<int> values) =>
        Sized(name, SafetensorsDType.I32, shape, values.Length, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>64-bit integers, stored as I64.</summary>
    public static SafetensorsTensor Of(string name, int[] shape, ReadOnlyMemory<long> values) =>
        Sized(name, SafetensorsDType.I64, shape, values.Length, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>Bytes, stored as U8.</summary>
    public static SafetensorsTensor Of(string name, int[] shape, ReadOnlyMemory<byte> values) =>
        Sized(name, SafetensorsDType.U8, shape, values.Length, stream => stream.Write(values.Span));

    /// <summary>A tensor of another file, copied in pieces. The file must stay open until the writer is done.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Name in that file.</param>
    /// <param name="rename">Name to write; <c>null</c> keeps it.</param>
    /// <param name="dtype">F32, F16, BF16 or F64 for floats; <c>null</c> keeps the type, as a tensor of anything else does.</param>
    /// <exception cref="WeightsException">The file has no such tensor, or it cannot be written under its name.</exception>
    public static SafetensorsTensor Of(WeightFile file, string name, string? rename = null, SafetensorsDType? dtype = null)
    {
        if (dtype is { } wanted && !Float32Conversion.Supports(wanted))
            throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "floats are stored as F32, F16, BF16 or F64");
        var entry = file.Demand(name);
        file.ArrayLength(entry);
        if ((rename ?? name) == SafetensorsHeader.MetadataKey)
            throw new WeightsException($"{file.Path}: a tensor is called '{name}', which safetensors keep for something else; rename it");
        var target = dtype is not null && Float32Conversion.Supports(entry.DType) ? dtype.Value : entry.DType;
        return new SafetensorsTensor(rename ?? name, target, [.. entry.Shape], stream => Copy(file, entry, target, stream));
    }

    /// <summary>Writes the bytes; <see cref="ByteLength"/> of them, or the tensor was not what it said.</summary>
    internal void WriteTo(Stream stream)
    {
        var before = stream.Position;
        write(stream);
        var written = stream.Position - before;
        if (written != ByteLength)
            throw new InvalidOperationException($"tensor {Name} {TensorShape.Text(Shape)} wrote {written} bytes, expected {ByteLength}");
    }

    private static SafetensorsTensor Sized(string name, SafetensorsDType dtype, int[] shape, int count, Action<Stream> write)
    {
        var tensor = new SafetensorsTensor(name, dtype, shape, write);
        return tensor.Elements == count
            ? tensor
            : throw new ArgumentException($"tensor {name} {TensorShape.Text(shape)} is given {count} values, expected {tensor.Elements}");
    }

    private static void Copy(WeightFile file, WeightEntry entry, SafetensorsDType dtype, Stream stream)
    {
        using var elements = file.OpenElements(entry.Name);
        if (entry.DType == dtype)
        {
            elements.CopyTo(stream, CopiedBytes);
            return;
        }

        var floats = ArrayPool<float>.Shared.Rent(ChunkElements);
        try
        {
            for (var left = entry.Elements; left > 0; left -= ChunkElements)
            {
                var part = floats.AsSpan(0, (int)Math.Min(left, ChunkElements));
                WeightFile.ReadFloats(elements, entry.DType, part);
                if (dtype == SafetensorsDType.F16) EnsureHalves(file, entry, part);
                WriteFloats(stream, part, dtype);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(floats);
        }
    }

    /// <summary>An infinity in the place of a weight would only show as a mask that is wrong everywhere.</summary>
    private static void EnsureHalves(WeightFile file, WeightEntry entry, ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(value) || !Half.IsInfinity((Half)value)) continue;
            throw new WeightsException($"{file.Path}: tensor {WeightsException.Quote(entry.Name)} holds {value}, beyond what F16 can; " +
                "write BF16 or F32");
        }
    }

    private static void WriteFloats(Stream stream, ReadOnlySpan<float> values, SafetensorsDType dtype)
    {
        if (dtype == SafetensorsDType.F32)
        {
            stream.Write(MemoryMarshal.AsBytes(values));
            return;
        }

        var size = dtype.ByteSize();
        var chunk = ArrayPool<byte>.Shared.Rent(Math.Min(values.Length, ChunkElements) * size);
        try
        {
            for (var done = 0; done < values.Length; done += ChunkElements)
            {
                var part = values.Slice(done, Math.Min(ChunkElements, values.Length - done));
                Store(part, dtype, chunk);
                stream.Write(chunk, 0, part.Length * size);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private static void Store(ReadOnlySpan<float> values, SafetensorsDType dtype, Span<byte> bytes)
    {
        switch (dtype)
        {
            case SafetensorsDType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (var i = 0; i < values.Length; i++) halves[i] = (Half)values[i];
                break;
            case SafetensorsDType.BF16:
                var brains = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (var i = 0; i < values.Length; i++) brains[i] = Float32Conversion.ToBFloat16(values[i]);
                break;
            case SafetensorsDType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                for (var i = 0; i < values.Length; i++) doubles[i] = values[i];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "floats are stored as F32, F16, BF16 or F64");
        }
    }
}
