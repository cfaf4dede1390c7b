using System.Buffers.Binary;

namespace AuralSam2.Media;

/// <summary>Finds pictures that are cut off without decoding them, so that all frames of a clip can be checked before any is worked on.</summary>
internal static class PictureEnd
{
    private static ReadOnlySpan<byte> PngStart => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Whether a file begins like one of the kinds that are checked here.</summary>
    public static bool Recognises(ReadOnlySpan<byte> file) => file.StartsWith(PngStart) || IsJpeg(file) || IsBmp(file);

    /// <summary>Whether a file that is recognised holds all of its picture.</summary>
    public static bool IsComplete(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(PngStart)) return PngHasEnd(file);
        if (IsJpeg(file)) return JpegHasEnd(file);
        return BmpHasRows(file);
    }

    private static bool IsJpeg(ReadOnlySpan<byte> file) => file.StartsWith([(byte)0xFF, (byte)0xD8]);

    private static bool IsBmp(ReadOnlySpan<byte> file) => file.StartsWith("BM"u8);

    /// <summary>Chunks: length, name, data, checksum, up to IEND.</summary>
    private static bool PngHasEnd(ReadOnlySpan<byte> file)
    {
        for (long at = PngStart.Length; at + 8 <= file.Length;)
        {
            if (file.Slice((int)at + 4, 4).SequenceEqual("IEND"u8)) return true;
            at += 12L + BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);
        }

        return false;
    }

    /// <summary>Segments up to the first scan carry their length; from there on only markers count, the last being end-of-image.</summary>
    private static bool JpegHasEnd(ReadOnlySpan<byte> file)
    {
        const byte startOfScan = 0xDA, endOfImage = 0xD9;
        var at = 2;
        while (at + 4 <= file.Length)
        {
            if (file[at] != 0xFF || file[at + 1] == 0xFF)
            {
                at++; // padding between segments
                continue;
            }

            if (file[at + 1] == endOfImage) return true;
            if (file[at + 1] == startOfScan) break;
            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
        }

        return at < file.Length && file[at..].IndexOf([(byte)0xFF, endOfImage]) >= 0;
    }

    /// <summary>Uncompressed rows are padded to four bytes.</summary>
    private static bool BmpHasRows(ReadOnlySpan<byte> file)
    {
        const int rowsOfKnownSize = 34;
        if (file.Length < rowsOfKnownSize) return false;
        if (BinaryPrimitives.ReadInt32LittleEndian(file[14..]) < 40) return true; // the header of OS/2 is laid out differently
        var compression = BinaryPrimitives.ReadInt32LittleEndian(file[30..]);
        if (compression is not (0 or 3)) return true;
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(file[10..]);
        var width = BinaryPrimitives.ReadInt32LittleEndian(file[18..]);
        var height = Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(file[22..])); // negative: the top row comes first
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(file[28..]);
        var row = ((long)width * bits + 31) / 32 * 4;
        return offset + row * height <= file.Length;
    }
}
