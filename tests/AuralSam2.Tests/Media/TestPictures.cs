using AuralSam2.Media;
using StbImageWriteSharp;

namespace AuralSam2.Tests.Media;

/// <summary>Pictures that tests make.</summary>
internal static class TestPictures
{
    /// <summary>Byte i is bits 13 .. 20 of i * 2654435761 (Knuth's multiplicative hash, modulo 2^32).</summary>
    public static RgbImage Noise(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(unchecked((uint)i * 2654435761u) >> 13);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>FNV-1a-64.</summary>
    public static ulong Digest(ReadOnlySpan<byte> bytes)
    {
        var hash = 0xcbf29ce484222325UL;
        foreach (var value in bytes) hash = unchecked((hash ^ value) * 0x100000001b3UL);
        return hash;
    }

    public static byte[] Encode(RgbImage image, string kind)
    {
        using var stream = new MemoryStream();
        var writer = new ImageWriter();
        const ColorComponents rgb = ColorComponents.RedGreenBlue;
        if (kind == "png") writer.WritePng(image.Pixels, image.Width, image.Height, rgb, stream);
        else if (kind == "bmp") writer.WriteBmp(image.Pixels, image.Width, image.Height, rgb, stream);
        else writer.WriteJpg(image.Pixels, image.Width, image.Height, rgb, stream, 90);
        return stream.ToArray();
    }
}
