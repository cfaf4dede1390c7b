namespace AuralSam2.Weights;

/// <summary>
/// A range of a mapped file, read once from its start to its end. Pages that were read are dropped, as they are not needed twice.
/// </summary>
internal sealed class MappedStream(MappedFile file, long offset, long length) : ForwardStream(length)
{
    /// <summary>Bytes. Shorter ranges leave their pages: neighbours share them.</summary>
    private const int ReleaseAbove = 1 << 20;

    /// <summary>Bytes copied between two releases; bounds how much is resident twice.</summary>
    private const int Piece = 1 << 20;

    protected override int ReadSome(Span<byte> destination)
    {
        var bytes = file.Bytes(offset + Position, Math.Min(destination.Length, Piece));
        bytes.CopyTo(destination);
        if (Length > ReleaseAbove) MappedPages.Release(bytes);
        return bytes.Length;
    }
}
