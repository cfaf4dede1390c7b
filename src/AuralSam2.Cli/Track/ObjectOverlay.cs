using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>A frame with its objects, each in its own colour: tinted inside, with a contour.</summary>
internal static class ObjectOverlay
{
    /// <summary>Paints all objects of a mask over a frame.</summary>
    /// <param name="image">The frame.</param>
    /// <param name="numbers">Object numbers, of the frame's size.</param>
    /// <param name="contour">Width of the contours in pixels.</param>
    public static RgbImage Paint(RgbImage image, MaskPicture numbers, float contour)
    {
        var painted = image;
        foreach (var (number, mask) in numbers.Objects(wanted: null))
        {
            for (var i = 0; i < mask.Length; i++) mask[i] = mask[i] != 0 ? byte.MaxValue : byte.MinValue;
            painted = MaskOverlay.Paint(painted, mask, contour, ColorOf(number));
        }

        return painted;
    }

    /// <summary>Colour of an object: its palette entry, brightened so that it shows on any frame.</summary>
    public static (byte R, byte G, byte B) ColorOf(int number)
    {
        var (red, green, blue) = ObjectPalette.Colors[number];
        return (Brighter(red), Brighter(green), Brighter(blue));

        static byte Brighter(byte value) => (byte)Math.Min(255, 60 + value);
    }
}
