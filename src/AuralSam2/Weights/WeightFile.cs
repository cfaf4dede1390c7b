using System.Buffers;
using System.Runtime.InteropServices;
using AuralSam2.Weights.Torch;

namespace AuralSam2.Weights;

/// <summary>
/// A file of weights, memory-mapped. Opening reads what describes the tensors; a tensor is read from disk when it is asked for. Reads may
/// run on several threads. The file must not be shortened while it is open.
/// </summary>
public abstract class WeightFile : IWeightSource
{
    /// <summary>Bytes converted at a time; stays in the second-level cache.</summary>
    private const int Piece = 1 << 18;

    private readonly MappedFile file;

    private protected WeightFile(MappedFile file) => this.file = file;

    /// <summary>The path the file was opened by.</summary>
    public string Path => file.Path;

    /// <inheritdoc/>
    public string Description => file.Path;

    /// <summary>Bytes of the whole file.</summary>
    public long FileLength => file.Length;

    /// <summary>How the file is laid out.</summary>
    public abstract WeightFormat Format { get; }

    /// <summary>Every tensor, in the order of the file.</summary>
    public abstract IReadOnlyCollection<WeightEntry> Entries { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyCollection<string> Names { get; }

    /// <summary>
    /// What a file that was cut short lacks first; <c>null</c> for a whole one. Of a cut file tensors can be listed, not read.
    /// </summary>
    public virtual string? CutShort => null;

    private protected MappedFile File => file;

    /// <summary>Opens safetensors or a PyTorch checkpoint, whichever the file's content is.</summary>
    /// <exception cref="WeightsException">No such file, no permission, another format, or one that is damaged beyond listing.</exception>
    public static WeightFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return WeightFormats.Of(file) is var format && format == WeightFormat.Safetensors
                ? new SafetensorsFile(file)
                : new TorchCheckpoint(file, format);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of a name; <c>null</c> when there is none.</summary>
    public abstract WeightEntry? Find(string name);

    /// <summary>Refuses a file that was cut short.</summary>
    /// <exception cref="WeightsException">It was; the first thing missing is named.</exception>
    public void EnsureWhole()
    {
        if (CutShort is { } lack) throw new WeightsException($"{Path}: the file is cut short: {lack}; download or copy it again");
    }

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => Find(name)?.Shape;

    /// <inheritdoc/>
    /// <exception cref="WeightsException">No such tensor, another shape, a dtype that is no float of 16, 32 or 64 bits, or a damaged file.
    /// </exception>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        var entry = Demand(name, shape);
        if (!Float32Conversion.Supports(entry.DType)) throw WrongDType(entry, "F32, F16, BF16 or F64");
        if (destination.Length != entry.Elements)
            throw new ArgumentException($"room for {destination.Length} floats, tensor {name} has {entry.Elements}", nameof(destination));

        using var elements = OpenElements(entry);
        ReadFloats(elements, entry.DType, destination);
    }

    ReadOnlySpan<float> IWeightSource.Mapped(string name, IReadOnlyList<int> shape) => MappedFloats(Demand(name, shape));

    /// <summary>A tensor of F32, F16, BF16 or F64 as float32, row-major.</summary>
    /// <exception cref="WeightsException">No such tensor, another dtype, or a damaged file.</exception>
    public float[] ReadFloats(string name)
    {
        var entry = Demand(name);
        if (!Float32Conversion.Supports(entry.DType)) throw WrongDType(entry, "F32, F16, BF16 or F64");
        var values = new float[ArrayLength(entry)];
        Read(name, entry.Shape, values);
        return values;
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>The elements of a tensor as they are stored, little-endian, row-major; read once, front to back.</summary>
    /// <exception cref="WeightsException">The file is damaged; what only the whole shows is told when the last byte is read.</exception>
    internal Stream OpenElements(string name) => OpenElements(Demand(name));

    /// <summary>Fills floats from the elements of a stream.</summary>
    internal static void ReadFloats(Stream elements, SafetensorsDType dtype, Span<float> destination)
    {
        if (dtype == SafetensorsDType.F32)
        {
            elements.ReadExactly(MemoryMarshal.AsBytes(destination));
            return;
        }

        var size = dtype.ByteSize();
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(Piece, (long)destination.Length * size));
        try
        {
            while (!destination.IsEmpty)
            {
                var count = Math.Min(destination.Length, buffer.Length / size);
                var bytes = buffer.AsSpan(0, count * size);
                elements.ReadExactly(bytes);
                Float32Conversion.Read(dtype, bytes, destination[..count]);
                destination = destination[count..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The elements as they lie in the mapping, where they are float32 that nothing has to be checked of; else empty.</summary>
    private protected virtual ReadOnlySpan<float> MappedFloats(WeightEntry entry) => [];

    private protected abstract Stream OpenElements(WeightEntry entry);

    internal WeightEntry Demand(string name)
    {
        EnsureWhole();
        return Find(name) ??
            throw new WeightsException($"{Path}: has no tensor {WeightsException.Quote(name)}; is this the file of another model?");
    }

    private WeightEntry Demand(string name, IReadOnlyList<int> shape)
    {
        var entry = Demand(name);
        if (entry.Shape.SequenceEqual(shape)) return entry;
        throw new WeightsException($"{Path}: tensor {WeightsException.Quote(name)} has shape {TensorShape.Text(entry.Shape)}, " +
            $"expected {TensorShape.Text(shape)}; is this the file of another model?");
    }

    internal int ArrayLength(WeightEntry entry) => entry.Elements <= Array.MaxLength
        ? (int)entry.Elements
        : throw new WeightsException($"{Path}: tensor {WeightsException.Quote(entry.Name)} has {entry.Elements} elements, " +
            "too many for one array; split it");

    private protected WeightsException WrongDType(WeightEntry entry, string wanted) =>
        new($"{Path}: tensor {WeightsException.Quote(entry.Name)} is {entry.DType.Tag()}, expected {wanted}; export it as F32");
}
