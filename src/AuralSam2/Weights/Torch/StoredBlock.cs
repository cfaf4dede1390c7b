using System.IO.Compression;

namespace AuralSam2.Weights.Torch;

/// <summary>A run of bytes in a file, perhaps deflated, whose checksum may be known.</summary>
/// <param name="kind">What it is, for messages: an entry, a storage.</param>
/// <param name="name">What the file calls it.</param>
/// <param name="offset">First byte, from the start of the file.</param>
/// <param name="storedLength">Bytes in the file.</param>
/// <param name="length">Bytes of the contents.</param>
/// <param name="deflated">Whether it is compressed.</param>
/// <param name="checksum">CRC-32 of the contents; <c>null</c> in a format that keeps none.</param>
internal sealed class StoredBlock(string kind, string name, long offset, long storedLength, long length, bool deflated, uint? checksum)
{
    private volatile bool verified;

    /// <summary>What messages call it, such as <c>entry 'archive/data/0'</c>.</summary>
    public string Title => $"{kind} {WeightsException.Quote(name)}";

    /// <summary>First byte, from the start of the file.</summary>
    public long Offset => offset;

    /// <summary>Bytes of the contents.</summary>
    public long Length => length;

    /// <summary>Whether it is compressed.</summary>
    public bool Deflated => deflated;

    /// <summary>
    /// The contents, read once; reading the last byte throws a <see cref="WeightsException"/> when the contents are damaged.
    /// </summary>
    public ForwardStream Open(MappedFile file) =>
        deflated ? new Inflating(file, this) : checksum is null ? new MappedStream(file, offset, length) : new Checked(file, this);

    /// <summary>The contents of a block that is not deflated, straight from the mapping, after they were checked once.</summary>
    /// <exception cref="WeightsException">They are damaged.</exception>
    public ReadOnlySpan<byte> View(MappedFile file, long from, int count)
    {
        if (!verified && checksum is not null)
        {
            using var contents = Open(file);
            var buffer = new byte[Math.Min(length, 1 << 16)];
            while (contents.Read(buffer) > 0)
            {
            }
        }

        verified = true;
        return file.Bytes(offset + from, count);
    }

    private WeightsException Damaged(MappedFile file, string what, Exception? inner = null) =>
        new($"{file.Path}: {Title} {what}; the file is damaged, download or copy it again", inner);

    private DeflateStream Inflate(MappedFile file) => new(new MappedStream(file, offset, storedLength), CompressionMode.Decompress);

    private void Check(MappedFile file, uint found)
    {
        if (checksum is { } expected && found != expected) throw Damaged(file, $"has the checksum {found:x8}, expected {expected:x8}");
    }

    /// <summary>Compares the checksum with what passes.</summary>
    private sealed class Checked(MappedFile file, StoredBlock block) : ForwardStream(block.Length)
    {
        private readonly MappedStream stored = new(file, block.Offset, block.Length);
        private uint checksum;

        protected override int ReadSome(Span<byte> destination)
        {
            var read = stored.Read(destination);
            checksum = Crc32.Append(checksum, destination[..read]);
            if (Position + read == Length) block.Check(file, checksum);
            return read;
        }
    }

    /// <summary>Inflates, and demands the promised length and checksum.</summary>
    private sealed class Inflating(MappedFile file, StoredBlock block) : ForwardStream(block.Length)
    {
        private readonly DeflateStream inflated = block.Inflate(file);
        private uint checksum;

        protected override int ReadSome(Span<byte> destination)
        {
            var read = Inflate(destination);
            if (read == 0) throw block.Damaged(file, $"inflates to {Position} bytes, expected {Length}");
            checksum = Crc32.Append(checksum, destination[..read]);
            if (Position + read < Length) return read;
            if (Inflate(stackalloc byte[1]) > 0) throw block.Damaged(file, $"inflates to more than the {Length} bytes it claims");
            block.Check(file, checksum);
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) inflated.Dispose();
            base.Dispose(disposing);
        }

        private int Inflate(Span<byte> destination)
        {
            try
            {
                return inflated.Read(destination);
            }
            catch (InvalidDataException e)
            {
                throw block.Damaged(file, $"does not inflate ({e.Message})", e);
            }
        }
    }
}
