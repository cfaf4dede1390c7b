namespace AuralSam2.Weights;

/// <summary>A stream of known length that is read once, front to back: the elements of a tensor on their way out of a file.</summary>
internal abstract class ForwardStream(long length) : Stream
{
    private long position;

    /// <inheritdoc/>
    public sealed override bool CanRead => true;

    /// <inheritdoc/>
    public sealed override bool CanSeek => false;

    /// <inheritdoc/>
    public sealed override bool CanWrite => false;

    /// <inheritdoc/>
    public sealed override long Length => length;

    /// <summary>Bytes read so far.</summary>
    public sealed override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public sealed override int Read(Span<byte> buffer)
    {
        var count = (int)Math.Min(buffer.Length, length - position);
        if (count == 0) return 0;
        var read = ReadSome(buffer[..count]);
        position += read;
        return read;
    }

    /// <inheritdoc/>
    public sealed override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public sealed override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public sealed override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public sealed override void Flush()
    {
    }

    /// <summary>Delivers the next bytes: at least one, at most the destination, which is never empty nor beyond the end.</summary>
    protected abstract int ReadSome(Span<byte> destination);
}
