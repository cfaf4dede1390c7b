using System.Numerics;
using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>A safetensors file, strictly checked.</summary>
/// <remarks>Format: https://huggingface.co/docs/safetensors, little-endian.</remarks>
public sealed class SafetensorsFile : WeightFile
{
    private readonly SafetensorsHeader header;

    /// <summary>Reads the header of a file, and takes over its disposal unless it throws.</summary>
    internal SafetensorsFile(MappedFile file)
        : base(file)
    {
        var headerLength = HeaderLength(file);
        var dataStart = sizeof(ulong) + headerLength;
        header = SafetensorsHeader.Parse(file.Path, file.Bytes(sizeof(ulong), headerLength), dataStart, file.Length - dataStart);
    }

    /// <inheritdoc/>
    public override WeightFormat Format => WeightFormat.Safetensors;

    /// <summary>The header's free key-value pairs.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Every tensor by name, in the order of the data.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => header.Tensors;

    /// <inheritdoc/>
    public override IReadOnlyCollection<WeightEntry> Entries => header.Tensors.Values;

    /// <inheritdoc/>
    public override string? CutShort => header.CutShort;

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Names => header.Tensors.Keys;

    /// <summary>Opens a whole file and checks its header.</summary>
    /// <exception cref="WeightsException">No such file, no permission, another format, one that was cut short, or a rule of the format is
    /// broken.</exception>
    public static new SafetensorsFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            var format = WeightFormats.Of(file);
            if (format != WeightFormat.Safetensors)
                throw new WeightsException($"{path}: is a {format.Title()}, expected safetensors; convert it");
            var safetensors = new SafetensorsFile(file);
            safetensors.EnsureWhole();
            return safetensors;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override WeightEntry? Find(string name) => Tensors.GetValueOrDefault(name);

    /// <summary>The stored bytes of a tensor, straight from the mapping: valid until the file is disposed, perhaps unaligned.</summary>
    /// <exception cref="WeightsException">No such tensor, or one beyond 2 GB.</exception>
    public ReadOnlySpan<byte> RawBytes(string name)
    {
        var entry = (SafetensorsEntry)Demand(name);
        if (entry.ByteLength > int.MaxValue)
        {
            throw new WeightsException($"{Path}: tensor {WeightsException.Quote(name)} has {entry.ByteLength} bytes, " +
                "at most 2 GB can be viewed at once; split it");
        }

        return File.Bytes(entry.Offset, (int)entry.ByteLength);
    }

    /// <summary>A tensor of F32, F64, I32, I64 or U8 as float64, row-major. Integers beyond 2^53 are rounded.</summary>
    /// <exception cref="WeightsException">No such tensor, or another dtype.</exception>
    public double[] ReadDoubles(string name)
    {
        var entry = Demand(name);
        return entry.DType switch
        {
            SafetensorsDType.F32 => Widen<float>(entry),
            SafetensorsDType.F64 => Widen<double>(entry),
            SafetensorsDType.I32 => Widen<int>(entry),
            SafetensorsDType.I64 => Widen<long>(entry),
            SafetensorsDType.U8 => Widen<byte>(entry),
            _ => throw WrongDType(entry, "F32, F64, I32, I64 or U8"),
        };
    }

    private protected override ReadOnlySpan<float> MappedFloats(WeightEntry entry)
    {
        var offset = ((SafetensorsEntry)entry).Offset;
        var isReadable = entry.DType == SafetensorsDType.F32 && offset % sizeof(float) == 0 && entry.ByteLength <= int.MaxValue;
        return isReadable ? MemoryMarshal.Cast<byte, float>(File.Bytes(offset, (int)entry.ByteLength)) : [];
    }

    private protected override Stream OpenElements(WeightEntry entry) =>
        new MappedStream(File, ((SafetensorsEntry)entry).Offset, entry.ByteLength);

    private static int HeaderLength(MappedFile file)
    {
        const string advice = "the file is damaged or not safetensors, download or export it again";
        if (file.Length < sizeof(ulong))
            throw new WeightsException($"{file.Path}: the file has {file.Length} bytes, expected at least {sizeof(ulong)}; {advice}");
        var length = MemoryMarshal.Read<ulong>(file.Bytes(0, sizeof(ulong)));
        var room = (ulong)file.Length - sizeof(ulong);
        if (length > room)
            throw new WeightsException($"{file.Path}: the header is given {length} bytes, the file has only {room} for it; {advice}");
        if (length > SafetensorsHeader.LongestHeader)
        {
            throw new WeightsException($"{file.Path}: the header is given {length} bytes, expected at most " +
                $"{SafetensorsHeader.LongestHeader}; {advice}");
        }

        return (int)length;
    }

    private double[] Widen<T>(WeightEntry entry) where T : unmanaged, INumber<T>
    {
        var values = new double[ArrayLength(entry)];
        var stored = MemoryMarshal.Cast<byte, T>(RawBytes(entry.Name));
        for (var i = 0; i < values.Length; i++) values[i] = double.CreateTruncating(stored[i]);
        return values;
    }
}
