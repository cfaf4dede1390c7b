using System.Buffers.Binary;
using System.IO.Compression;
using AuralSam2.Weights.Torch;
using StbImageWriteSharp;

namespace AuralSam2.Media;

/// <summary>
/// Writes PNG files (through StbImageWriteSharp, which knows no palettes; those are written here). A file appears under its name only
/// when it is complete.
/// </summary>
public static class PngWriter
{
    /// <summary>Writes an 8-bit grey picture.</summary>
    /// <param name="path">File; an existing one is replaced.</param>
    /// <param name="width">Pixels of one row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="pixels"><c>[height, width]</c>, row-major.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void WriteGray(string path, int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (pixels.LongLength != (long)width * height)
            throw new ArgumentException($"{pixels.Length} bytes for a {width} x {height} grey picture", nameof(pixels));
        Write(path, width, height, pixels, ColorComponents.Grey);
    }

    /// <summary>Writes an 8-bit RGB picture.</summary>
    /// <param name="path">File; an existing one is replaced.</param>
    /// <param name="image">Picture.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void WriteRgb(string path, RgbImage image) => Write(path, image.Width, image.Height, image.Pixels, ColorComponents.RedGreenBlue);

    /// <summary>Writes a picture of indices into a palette: masks of several objects, as DAVIS has them.</summary>
    /// <param name="path">File; an existing one is replaced.</param>
    /// <param name="width">Pixels of one row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="indices"><c>[height, width]</c>, row-major.</param>
    /// <param name="palette">Up to 256 colours.</param>
    /// <exception cref="ArgumentException">The sizes disagree, or an index has no colour.</exception>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void WriteIndexed(string path, int width, int height, byte[] indices, IReadOnlyList<(byte R, byte G, byte B)> palette)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (indices.LongLength != (long)width * height)
            throw new ArgumentException($"{indices.Length} bytes for a {width} x {height} indexed picture", nameof(indices));
        if (palette.Count is 0 or > 256 || indices.Max() >= palette.Count)
            throw new ArgumentException($"a palette of {palette.Count} colours for indices up to {indices.Max()}", nameof(palette));

        using var rows = new MemoryStream();
        using (var zlib = new ZLibStream(rows, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (var y = 0; y < height; y++)
            {
                zlib.WriteByte(0); // filter: none, the best for indices
                zlib.Write(indices, y * width, width);
            }
        }

        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        (header[8], header[9]) = (8, 3); // bits, colour type palette; then the only compression, filter and no interlace
        var start = header.ToArray();
        byte[] colors = [.. palette.SelectMany(c => (byte[])[c.R, c.G, c.B])];
        MediaFile.Replace(path, stream =>
        {
            stream.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
            Chunk(stream, "IHDR"u8, start);
            Chunk(stream, "PLTE"u8, colors);
            Chunk(stream, "IDAT"u8, rows.GetBuffer().AsSpan(0, (int)rows.Length));
            Chunk(stream, "IEND"u8, []);
        });
    }

    private static void Chunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Append(Crc32.Append(0, type), data));
        stream.Write(number);
    }

    private static void Write(string path, int width, int height, byte[] pixels, ColorComponents components) =>
        MediaFile.Replace(path, stream => new ImageWriter().WritePng(pixels, width, height, components, stream));
}
