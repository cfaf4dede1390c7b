using System.IO.MemoryMappedFiles;
using System.Numerics;
using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>
/// A safetensors file, memory-mapped and strictly checked. Opening reads the header only; a tensor is read from disk when it is
/// asked for. Reads may run on several threads. The file must not be shortened while it is open.
/// </summary>
/// <remarks>Format: https://huggingface.co/docs/safetensors, little-endian.</remarks>
public sealed class SafetensorsFile : IWeightSource
{
    /// <summary>Bytes. The mapped pages of a tensor above this size are dropped as they are read.</summary>
    private const int ReleaseAbove = 1 << 20;

    /// <summary>Elements converted between two releases; bounds how much of a tensor is resident twice.</summary>
    private const int ChunkElements = 1 << 20;

    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly SafetensorsHeader header;
    private unsafe byte* start;

    private unsafe SafetensorsFile(string path, FileStream stream)
    {
        Path = path;
        var length = stream.Length;
        map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            CheckKind(path, new ReadOnlySpan<byte>(start, (int)Math.Min(length, 64)));
            var headerLength = HeaderLength(path, new ReadOnlySpan<byte>(start, sizeof(ulong)), length);
            var dataStart = sizeof(ulong) + headerLength;
            header = SafetensorsHeader.Parse(path, new(start + sizeof(ulong), headerLength), dataStart, length - dataStart);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public string Description => Path;

    /// <summary>The header's free key-value pairs.</summary>
    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Every tensor by name, in the order of the data.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Tensors => header.Tensors;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => header.Tensors.Keys;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="WeightsException">No such file, no permission, another format, or a rule of the format is broken.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("safetensors are read on little-endian machines only");
        if (Directory.Exists(path)) throw new WeightsException($"{path}: is a folder; give a .safetensors file");
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                if (stream.Length == 0) throw new WeightsException($"{path}: the file is empty; download or copy it again");
                return new SafetensorsFile(path, stream);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
        catch (Exception e) when (Obstacle(e) is { } obstacle)
        {
            throw new WeightsException($"{path}: {obstacle}", e);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => Tensors.GetValueOrDefault(name)?.Shape;

    /// <summary>The stored bytes of a tensor, straight from the mapping: valid until the file is disposed, perhaps unaligned.</summary>
    /// <exception cref="WeightsException">No such tensor, or one beyond 2 GB.</exception>
    public ReadOnlySpan<byte> RawBytes(string name)
    {
        var entry = Find(name);
        if (entry.ByteLength > int.MaxValue)
        {
            throw new WeightsException($"{Path}: tensor {WeightsException.Quote(name)} has {entry.ByteLength} bytes, " +
                "at most 2 GB can be viewed at once; split it");
        }

        return Bytes(entry.Offset, (int)entry.ByteLength);
    }

    /// <inheritdoc/>
    /// <exception cref="WeightsException">No such tensor, another shape, or a dtype that is no float of 16, 32 or 64 bits.</exception>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        var entry = Find(name);
        if (!entry.Shape.SequenceEqual(shape))
        {
            throw new WeightsException($"{Path}: tensor {WeightsException.Quote(name)} has shape {TensorShape.Text(entry.Shape)}, " +
                $"expected {TensorShape.Text(shape)}; is this the file of another model?");
        }

        if (!Float32Conversion.Supports(entry.DType)) throw WrongDType(entry, "F32, F16, BF16 or F64");
        if (destination.Length != entry.Elements)
            throw new ArgumentException($"room for {destination.Length} floats, tensor {name} has {entry.Elements}", nameof(destination));

        var size = entry.DType.ByteSize();
        for (var done = 0; done < destination.Length;)
        {
            var count = Math.Min(ChunkElements, destination.Length - done);
            var bytes = Bytes(entry.Offset + (long)done * size, count * size);
            Float32Conversion.Read(entry.DType, bytes, destination.Slice(done, count));
            if (entry.ByteLength > ReleaseAbove) MappedPages.Release(bytes);
            done += count;
        }
    }

    /// <summary>A tensor of F32, F16, BF16 or F64 as float32, row-major.</summary>
    /// <exception cref="WeightsException">No such tensor, or another dtype.</exception>
    public float[] ReadFloats(string name)
    {
        var entry = Find(name);
        var values = new float[ArrayLength(entry)];
        Read(name, entry.Shape, values);
        return values;
    }

    /// <summary>A tensor of F32, F64, I32, I64 or U8 as float64, row-major. Integers beyond 2^53 are rounded.</summary>
    /// <exception cref="WeightsException">No such tensor, or another dtype.</exception>
    public double[] ReadDoubles(string name)
    {
        var entry = Find(name);
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

    /// <summary>Unmaps the file. Spans of <see cref="RawBytes"/> end here.</summary>
    public unsafe void Dispose()
    {
        if (start is null) return;
        start = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    /// <summary>What a person should know and do about a file that the system would not open; <c>null</c> for other exceptions.</summary>
    private static string? Obstacle(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file; check the path",
        UnauthorizedAccessException => "no permission to read it; check the file's owner and mode",
        IOException or ArgumentException or NotSupportedException => $"cannot be opened ({e.Message}); check the path and the disk",
        _ => null,
    };

    /// <summary>Recognises what people give by mistake. A header starts with '{' at byte 8, and none of these do.</summary>
    private static void CheckKind(string path, ReadOnlySpan<byte> head)
    {
        if (head.Length > sizeof(ulong) && head[sizeof(ulong)] == '{') return;
        var zip = head.StartsWith("PK"u8);
        var pickle = head.Length > 1 && head[0] == 0x80 && head[1] is >= 2 and <= 5;
        if (zip || pickle)
        {
            throw new WeightsException($"{path}: is a PyTorch checkpoint ({(zip ? "zip" : "pickle")}), " +
                "which this version cannot read yet; convert it to safetensors");
        }

        if (head.StartsWith("version https://git-lfs"u8))
            throw new WeightsException($"{path}: is a Git LFS pointer, not the weights; fetch them with: git lfs pull");
    }

    private static int HeaderLength(string path, ReadOnlySpan<byte> head, long fileLength)
    {
        const string advice = "the file is damaged or not safetensors, download or export it again";
        if (fileLength < sizeof(ulong))
            throw new WeightsException($"{path}: the file has {fileLength} bytes, expected at least {sizeof(ulong)}; {advice}");
        var length = MemoryMarshal.Read<ulong>(head);
        var room = (ulong)fileLength - sizeof(ulong);
        if (length > room)
            throw new WeightsException($"{path}: the header is given {length} bytes, the file has only {room} for it; {advice}");
        if (length > SafetensorsHeader.LongestHeader)
        {
            throw new WeightsException($"{path}: the header is given {length} bytes, expected at most " +
                $"{SafetensorsHeader.LongestHeader}; {advice}");
        }

        return (int)length;
    }

    private SafetensorsEntry Find(string name) => Tensors.GetValueOrDefault(name) ??
        throw new WeightsException($"{Path}: has no tensor {WeightsException.Quote(name)}; is this the file of another model?");

    private unsafe ReadOnlySpan<byte> Bytes(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        return new ReadOnlySpan<byte>(start + offset, length);
    }

    private double[] Widen<T>(SafetensorsEntry entry) where T : unmanaged, INumber<T>
    {
        var values = new double[ArrayLength(entry)];
        var stored = MemoryMarshal.Cast<byte, T>(RawBytes(entry.Name));
        for (var i = 0; i < values.Length; i++) values[i] = double.CreateTruncating(stored[i]);
        return values;
    }

    private int ArrayLength(SafetensorsEntry entry) => entry.Elements <= Array.MaxLength
        ? (int)entry.Elements
        : throw new WeightsException($"{Path}: tensor {WeightsException.Quote(entry.Name)} has {entry.Elements} elements, " +
            "too many for one array; split it");

    private WeightsException WrongDType(SafetensorsEntry entry, string wanted) =>
        new($"{Path}: tensor {WeightsException.Quote(entry.Name)} is {entry.DType.Tag()}, expected {wanted}; export it as F32");
}
