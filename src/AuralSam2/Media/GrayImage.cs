namespace AuralSam2.Media;

/// <summary>An 8-bit grey picture, such as a label.</summary>
public sealed class GrayImage
{
    /// <summary>Wraps pixels.</summary>
    /// <param name="width">Pixels of one row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels"><c>[height, width]</c>, row-major.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public GrayImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (pixels.LongLength != (long)width * height)
            throw new ArgumentException($"{pixels.Length} bytes for a {width} x {height} grey picture", nameof(pixels));
        Width = width;
        Height = height;
        Pixels = pixels;
    }

    /// <summary>Pixels of one row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary><c>[height, width]</c>, row-major.</summary>
    public byte[] Pixels { get; }

    /// <summary>Luma of ITU-R BT.601 in 16-bit fixed point, to the bit as Pillow's <c>convert("L")</c>.</summary>
    /// <param name="image">Picture.</param>
    public static GrayImage LumaOf(RgbImage image)
    {
        var luma = new byte[image.Width * image.Height];
        for (var i = 0; i < luma.Length; i++)
        {
            var rgb = image.Pixels.AsSpan(3 * i, 3);
            luma[i] = (byte)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
        }

        return new GrayImage(image.Width, image.Height, luma);
    }

    /// <summary>The same grey in all three channels.</summary>
    public RgbImage ToRgb()
    {
        var rgb = new byte[Pixels.Length * 3];
        for (var i = 0; i < Pixels.Length; i++) rgb.AsSpan(3 * i, 3).Fill(Pixels[i]);
        return new RgbImage(Width, Height, rgb);
    }
}
