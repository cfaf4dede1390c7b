using System.Buffers.Binary;
using System.Text;

namespace AuralSam2.Weights.Torch;

/// <summary>
/// The directory of a zip (PKWARE's APPNOTE 6.3, zip64 included), read strictly: every entry agrees with its own header, no two share a
/// name or a byte, and none claims to inflate to more than it plausibly can. Whoever holds one may trust its offsets.
/// </summary>
internal sealed class ZipDirectory
{
    /// <summary>
    /// How many times its stored size an entry may inflate to. Weights gain a tenth, a pickle ten times; deflate's own limit is 1032.
    /// </summary>
    public const int HighestRatio = 200;

    private const uint LocalSignature = 0x04034b50;
    private const uint EntrySignature = 0x02014b50;
    private const uint DescriptorSignature = 0x08074b50;
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const int LocalLength = 30;
    private const int DescriptorLength32 = 16;
    private const int DescriptorLength64 = 24;
    private const int EntryLength = 46;
    private const int EndLength = 22;
    private const int End64Length = 56;
    private const int Locator64Length = 20;
    private const int LongestComment = ushort.MaxValue;

    /// <summary>A training checkpoint of three thousand tensors has ten thousand.</summary>
    private const int MostEntries = 1 << 16;

    /// <summary>The header of every entry lies elsewhere in the file; its pages are not kept.</summary>
    private const int EntriesPerRelease = 16;

    private const ushort Stored = 0;
    private const ushort Deflate = 8;

    /// <summary>Encryption, strong encryption, and a directory that is encrypted itself.</summary>
    private const ushort EncryptedFlags = 1 | (1 << 6) | (1 << 13);

    private const ushort DescriptorFlag = 1 << 3;

    private readonly MappedFile file;
    private readonly Dictionary<string, StoredBlock> entries = [];
    private readonly List<(long Start, long End)> ranges = [];

    private ZipDirectory(MappedFile file) => this.file = file;

    /// <summary>Every entry by name.</summary>
    public IReadOnlyDictionary<string, StoredBlock> Entries => entries;

    /// <summary>Reads a directory; <c>null</c> when the file has no end record, as one that was cut short.</summary>
    /// <exception cref="WeightsException">The directory breaks a rule.</exception>
    public static ZipDirectory? Read(MappedFile file)
    {
        var end = FindEnd(file);
        if (end < 0) return null;
        var directory = new ZipDirectory(file);
        var (start, length, count) = directory.Place(end);
        directory.ReadEntries(start, length, count);
        return directory;
    }

    /// <summary>The header in front of an entry's contents; <c>null</c> when there is none at this place.</summary>
    public static LocalHeader? HeaderAt(MappedFile file, long start)
    {
        if (start > file.Length - LocalLength) return null;
        var bytes = file.Bytes(start, LocalLength);
        if (Integer32(bytes, 0) != LocalSignature) return null;
        var (nameLength, extraLength) = (Integer16(bytes, 26), Integer16(bytes, 28));
        var offset = start + LocalLength + nameLength + extraLength;
        if (offset > file.Length) return null;
        var name = Encoding.UTF8.GetString(file.Bytes(start + LocalLength, nameLength));
        var lengthsFollow = (Integer16(bytes, 6) & DescriptorFlag) != 0;
        return new LocalHeader(name, lengthsFollow, Integer16(bytes, 8), Integer32(bytes, 14), Integer32(bytes, 18), offset);
    }

    /// <summary>
    /// Where the record behind an entry's contents ends, and the checksum in it; <c>null</c> when there is none at this place. For files
    /// without a directory to compare it with: the record must have its signature.
    /// </summary>
    public static long? DescriptorEnd(MappedFile file, long start, out uint checksum)
    {
        checksum = 0;
        if (start > file.Length - DescriptorLength32) return null;
        var bytes = file.Bytes(start, DescriptorLength32);
        if (Integer32(bytes, 0) != DescriptorSignature) return null;
        checksum = Integer32(bytes, 4);
        return HeaderAt(file, start + DescriptorLength64) is null ? start + DescriptorLength32 : start + DescriptorLength64;
    }

    /// <summary>The end record is the last thing in a zip but for a comment, whose length it holds.</summary>
    private static long FindEnd(MappedFile file)
    {
        var tailStart = Math.Max(0, file.Length - EndLength - LongestComment);
        var tail = file.Bytes(tailStart, (int)(file.Length - tailStart));
        for (var at = tail.Length - EndLength; at >= 0; at--)
            if (Integer32(tail, at) == EndSignature && Integer16(tail, at + 20) == tail.Length - at - EndLength) return tailStart + at;
        return -1;
    }

    private (long Start, long Length, long Count) Place(long end)
    {
        var record = file.Bytes(end, EndLength);
        if (Integer16(record, 4) != 0 || Integer16(record, 6) != 0 || Integer16(record, 8) != Integer16(record, 10))
            throw Broken("the zip is one part of several");
        long count = Integer16(record, 10), length = Integer32(record, 12), start = Integer32(record, 16);
        var limit = end;
        if (end >= Locator64Length && Integer32(file.Bytes(end - Locator64Length, Locator64Length), 0) == Locator64Signature)
        {
            limit = Offset(file.Bytes(end - Locator64Length, Locator64Length), 8);
            if (limit > end - Locator64Length - End64Length) throw Broken("the zip64 end record is not in the file");
            var wide = file.Bytes(limit, End64Length);
            if (Integer32(wide, 0) != End64Signature || Offset(wide, 24) != Offset(wide, 32))
                throw Broken("the zip64 end record is broken");
            count = Agreed(count, ushort.MaxValue, Offset(wide, 32));
            length = Agreed(length, uint.MaxValue, Offset(wide, 40));
            start = Agreed(start, uint.MaxValue, Offset(wide, 48));
        }

        if (start > limit || length > limit - start) throw Broken("the directory is not within the file");
        if (count > MostEntries || count > length / EntryLength)
            throw Broken($"the directory is given {count} entries, which its {length} bytes cannot hold or no checkpoint has");
        return (start, length, count);
    }

    /// <summary>A number of the end record, or of its zip64 twin where the first says so; both must not differ.</summary>
    private long Agreed(long narrow, long elsewhere, long wide) =>
        narrow == wide || narrow == elsewhere ? wide : throw Broken("the two end records differ");

    private void ReadEntries(long start, long length, long count)
    {
        var (at, end) = (start, start + length);
        for (; count > 0; count--)
        {
            if (end - at < EntryLength) throw Broken("the directory ends within an entry");
            var entry = file.Bytes(at, EntryLength);
            if (Integer32(entry, 0) != EntrySignature) throw Broken("the directory holds something that is no entry");
            int nameLength = Integer16(entry, 28), extraLength = Integer16(entry, 30), commentLength = Integer16(entry, 32);
            var next = at + EntryLength + nameLength + extraLength + commentLength;
            if (next > end) throw Broken("the directory ends within an entry");
            var name = Encoding.UTF8.GetString(file.Bytes(at + EntryLength, nameLength));
            ReadEntry(name, entry, file.Bytes(at + EntryLength + nameLength, extraLength), start);
            at = next;
            if (count % EntriesPerRelease == 0) file.ReleasePages();
        }

        if (at != end) throw Broken("the directory goes on after its last entry");
        ranges.Sort();
        for (var i = 1; i < ranges.Count; i++)
            if (ranges[i].Start < ranges[i - 1].End) throw Broken($"two entries overlap at byte {ranges[i].Start}");
    }

    private void ReadEntry(string name, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> extra, long directoryStart)
    {
        var (flags, method) = (Integer16(entry, 8), Integer16(entry, 10));
        if ((flags & EncryptedFlags) != 0) throw BrokenEntry(name, "is encrypted");
        if (method is not (Stored or Deflate)) throw BrokenEntry(name, $"is compressed by method {method}, expected stored or deflated");
        long storedLength = Integer32(entry, 20), length = Integer32(entry, 24), start = Integer32(entry, 42);
        Widen(name, extra, ref length, ref storedLength, ref start);
        if (method == Stored && storedLength != length) throw BrokenEntry(name, $"is stored in {storedLength} bytes, expected {length}");
        if (method == Deflate && length > 1 << 20 && length / HighestRatio > storedLength)
            throw BrokenEntry(name, $"claims to inflate from {storedLength} to {length} bytes, which weights never do");

        var header = HeaderAt(file, start) ?? throw BrokenEntry(name, $"has no header at byte {start}");
        if (header.Name != name || header.Method != method) throw BrokenEntry(name, "is called or stored otherwise in its own header");
        if (header.Offset > directoryStart || storedLength > directoryStart - header.Offset)
            throw BrokenEntry(name, "is not within the file");
        var checksum = Integer32(entry, 16);
        var end = header.Offset + storedLength;
        if (header.LengthsFollow) end += DescriptorLength(name, end, checksum, storedLength, length);
        else if (header.Checksum != checksum || (header.StoredLength != storedLength && header.StoredLength != uint.MaxValue))
            throw BrokenEntry(name, "has other contents in its own header");
        if (!entries.TryAdd(name, new StoredBlock("entry", name, header.Offset, storedLength, length, method == Deflate, checksum)))
            throw BrokenEntry(name, "is there twice");
        ranges.Add((start, end));
    }

    /// <summary>
    /// Bytes of the record behind the contents: a signature that may be left out, the checksum, and two lengths of 4 or 8 bytes.
    /// </summary>
    private int DescriptorLength(string name, long start, uint checksum, long storedLength, long length)
    {
        var bytes = file.BytesFrom(start, DescriptorLength64);
        var signature = bytes.Length >= 4 && Integer32(bytes, 0) == DescriptorSignature ? 4 : 0;
        bytes = bytes[signature..];
        if (bytes.Length >= 12 && Integer32(bytes, 0) == checksum && Integer32(bytes, 4) == storedLength && Integer32(bytes, 8) == length)
            return signature + 12;
        if (bytes.Length >= 20 && Integer32(bytes, 0) == checksum && Integer64(bytes, 4) == storedLength && Integer64(bytes, 12) == length)
            return signature + 20;
        throw BrokenEntry(name, "has other contents in the record behind it");
    }

    /// <summary>Replaces what is too large for 32 bits by its zip64 form.</summary>
    private void Widen(string name, ReadOnlySpan<byte> extra, ref long length, ref long storedLength, ref long start)
    {
        const ushort zip64 = 1;
        while (extra.Length >= 4 && Integer16(extra, 0) != zip64) extra = extra[Math.Min(extra.Length, 4 + Integer16(extra, 2))..];
        var wide = extra.Length < 4 ? [] : extra.Slice(4, Math.Min(extra.Length - 4, Integer16(extra, 2)));
        if (length == uint.MaxValue) length = Take(ref wide);
        if (storedLength == uint.MaxValue) storedLength = Take(ref wide);
        if (start == uint.MaxValue) start = Take(ref wide);

        long Take(ref ReadOnlySpan<byte> from)
        {
            if (from.Length < sizeof(long)) throw BrokenEntry(name, "has no zip64 sizes");
            var value = Offset(from, 0);
            from = from[sizeof(long)..];
            return value;
        }
    }

    private static ushort Integer16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Integer32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Integer64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    /// <summary>A 64-bit number that must be a place or a length in a file.</summary>
    private long Offset(ReadOnlySpan<byte> bytes, int at)
    {
        var value = Integer64(bytes, at);
        return value is >= 0 and < 1L << 56 ? value : throw Broken($"a zip64 size is {(ulong)value}");
    }

    private WeightsException BrokenEntry(string name, string what) => Broken($"entry {WeightsException.Quote(name)} {what}");

    private WeightsException Broken(string what) => new($"{file.Path}: {what}; the file is damaged, download or export it again");

    /// <summary>What stands in front of an entry's contents.</summary>
    /// <param name="Name">Name, which the directory repeats.</param>
    /// <param name="LengthsFollow">Whether checksum and lengths come behind the contents, in a descriptor.</param>
    /// <param name="Method">0 stored, 8 deflated.</param>
    /// <param name="Checksum">CRC-32 of the contents.</param>
    /// <param name="StoredLength">Bytes of the contents.</param>
    /// <param name="Offset">First byte of the contents.</param>
    public readonly record struct LocalHeader(
        string Name, bool LengthsFollow, ushort Method, uint Checksum, uint StoredLength, long Offset);
}
