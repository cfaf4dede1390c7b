using System.Runtime.InteropServices;

namespace AuralSam2.Weights.Torch;

/// <summary>The elements of a view in row-major order: transposed, cut out, spread, repeated, as its strides say.</summary>
/// <param name="bytes">The storage from the view's first to its last element; asked for at every piece.</param>
/// <param name="elementSize">Bytes of an element: 1, 2, 4 or 8.</param>
/// <param name="size">Dimensions, at least one, none of them 0.</param>
/// <param name="stride">Elements between neighbours along each dimension.</param>
/// <param name="length">Bytes of all elements.</param>
internal sealed class StridedStream(StridedStream.Source bytes, int elementSize, long[] size, long[] stride, long length)
    : ForwardStream(length)
{
    private readonly long[] index = new long[size.Length];

    /// <summary>Delivers the bytes that a view looks into.</summary>
    public delegate ReadOnlySpan<byte> Source();

    protected override int ReadSome(Span<byte> destination)
    {
        destination = destination[..(destination.Length / elementSize * elementSize)];
        if (destination.IsEmpty) throw new ArgumentException($"elements have {elementSize} bytes and are read whole", nameof(destination));
        switch (elementSize)
        {
            case sizeof(byte):
                Gather(bytes(), destination);
                break;
            case sizeof(ushort):
                Gather(MemoryMarshal.Cast<byte, ushort>(bytes()), MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case sizeof(uint):
                Gather(MemoryMarshal.Cast<byte, uint>(bytes()), MemoryMarshal.Cast<byte, uint>(destination));
                break;
            default:
                Gather(MemoryMarshal.Cast<byte, ulong>(bytes()), MemoryMarshal.Cast<byte, ulong>(destination));
                break;
        }

        return destination.Length;
    }

    /// <summary>Runs along the last dimension, then counts the others on like an odometer.</summary>
    private void Gather<T>(ReadOnlySpan<T> source, Span<T> destination)
        where T : unmanaged
    {
        var last = size.Length - 1;
        while (!destination.IsEmpty)
        {
            var at = 0L;
            for (var d = 0; d <= last; d++) at += index[d] * stride[d];
            var run = (int)Math.Min(destination.Length, size[last] - index[last]);
            var step = stride[last];
            for (var i = 0; i < run; i++) destination[i] = source[(int)(at + (i * step))];
            destination = destination[run..];
            index[last] += run;
            for (var d = last; d > 0 && index[d] == size[d]; d--)
            {
                index[d] = 0;
                index[d - 1]++;
            }
        }
    }
}
