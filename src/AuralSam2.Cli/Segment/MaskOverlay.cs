using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>A frame with its mask: tinted inside, with a crisp contour that shows on any background.</summary>
internal static class MaskOverlay
{
    private const float TintShare = 0.36f;
    private const float HaloShare = 0.55f;

    /// <summary>Colour of tint and contour: rare in pictures of things that sound.</summary>
    public static (byte R, byte G, byte B) Color => (0x12, 0xE0, 0xC8);

    /// <summary>Paints a mask over a frame.</summary>
    /// <param name="image">The frame.</param>
    /// <param name="mask"><c>[height, width]</c>, 0 or 255.</param>
    /// <param name="contour">Width of the contour in pixels.</param>
    public static RgbImage Paint(RgbImage image, ReadOnlySpan<byte> mask, float contour) => Paint(image, mask, contour, Color);

    /// <summary>Paints a mask over a frame in a colour of its own.</summary>
    public static RgbImage Paint(RgbImage image, ReadOnlySpan<byte> mask, float contour, (byte R, byte G, byte B) color)
    {
        var pixels = (byte[])image.Pixels.Clone();
        var inside = DistanceTo(mask, image.Width, value: 0);
        var outside = DistanceTo(mask, image.Width, value: 255);
        for (var i = 0; i < mask.Length; i++)
        {
            var pixel = pixels.AsSpan(i * 3, 3);
            if (mask[i] != 0)
            {
                Blend(pixel, color, Math.Max(TintShare, Math.Clamp(contour + 0.5f - inside[i], 0, 1)));
            }
            else if (outside[i] < contour / 2 + 1.5f)
            {
                // A dark rim keeps the contour visible on bright and on equally coloured ground.
                Blend(pixel, (0, 0, 0), HaloShare * Math.Clamp(contour / 2 + 1.5f - outside[i], 0, 1));
            }
        }

        return new RgbImage(image.Width, image.Height, pixels);
    }

    /// <summary>Contour width that suits a frame of this size.</summary>
    public static float ContourOf(int width, int height) => Math.Max(1.5f, Math.Min(width, height) / 180f);

    /// <summary>
    /// Distance of every pixel to the nearest pixel of a value, in pixels, by the two-pass 3-4 chamfer (Borgefors 1986):
    /// at most 8 % off, which a contour a few pixels wide does not show.
    /// </summary>
    private static float[] DistanceTo(ReadOnlySpan<byte> mask, int width, byte value)
    {
        const float straight = 1, diagonal = 4f / 3;
        var height = mask.Length / width;
        var distance = new float[mask.Length];
        for (var i = 0; i < distance.Length; i++) distance[i] = mask[i] == value ? 0 : width + height;
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
            {
                Relax(x, y, -1, 0, straight);
                Relax(x, y, 0, -1, straight);
                Relax(x, y, -1, -1, diagonal);
                Relax(x, y, 1, -1, diagonal);
            }

        for (var y = height - 1; y >= 0; y--)
            for (var x = width - 1; x >= 0; x--)
            {
                Relax(x, y, 1, 0, straight);
                Relax(x, y, 0, 1, straight);
                Relax(x, y, 1, 1, diagonal);
                Relax(x, y, -1, 1, diagonal);
            }

        return distance;

        void Relax(int x, int y, int dx, int dy, float step)
        {
            if ((uint)(x + dx) >= (uint)width || (uint)(y + dy) >= (uint)height) return;
            ref var here = ref distance[y * width + x];
            here = Math.Min(here, distance[(y + dy) * width + x + dx] + step);
        }
    }

    private static void Blend(Span<byte> pixel, (byte R, byte G, byte B) color, float share)
    {
        pixel[0] = (byte)(pixel[0] + (color.R - pixel[0]) * share);
        pixel[1] = (byte)(pixel[1] + (color.G - pixel[1]) * share);
        pixel[2] = (byte)(pixel[2] + (color.B - pixel[2]) * share);
    }
}
