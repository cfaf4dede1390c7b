using StbImageWriteSharp;

namespace AuralSam2.Media;

/// <summary>Writes PNG files (through StbImageWriteSharp). A file appears under its name only when it is complete.</summary>
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

    private static void Write(string path, int width, int height, byte[] pixels, ColorComponents components) =>
        MediaFile.Replace(path, stream => new ImageWriter().WritePng(pixels, width, height, components, stream));
}
