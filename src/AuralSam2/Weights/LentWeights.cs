using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>
/// The values of one tensor for as long as it takes to lay them out for a device: where they lie in a mapped file, or read into memory
/// outside the managed heap. Both are given back at once: VGGish has a matrix of 201 MB, and what the collector keeps of such an array
/// would count until the end.
/// </summary>
internal readonly ref struct LentWeights
{
    private readonly unsafe void* read;

    private unsafe LentWeights(ReadOnlySpan<float> values, void* read)
    {
        Values = values;
        this.read = read;
    }

    /// <summary>The elements, row-major.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>Finds a tensor, or reads it.</summary>
    /// <exception cref="WeightsException">The source has no such tensor, or one of another shape or dtype.</exception>
    public static unsafe LentWeights Of(IWeightSource source, string name, int[] shape)
    {
        var mapped = source.Mapped(name, shape);
        if (!mapped.IsEmpty) return new LentWeights(mapped, null);
        var elements = TensorShape.Elements(shape);
        var memory = NativeMemory.Alloc((nuint)elements, sizeof(float));
        try
        {
            source.Read(name, shape, new Span<float>(memory, elements));
        }
        catch
        {
            NativeMemory.Free(memory);
            throw;
        }

        return new LentWeights(new ReadOnlySpan<float>(memory, elements), memory);
    }

    /// <summary>Gives pages or memory back; <see cref="Values"/> ends here.</summary>
    public unsafe void Dispose()
    {
        if (read is null) MappedPages.Release(MemoryMarshal.AsBytes(Values));
        else NativeMemory.Free(read);
    }
}
