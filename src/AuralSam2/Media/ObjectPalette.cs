namespace AuralSam2.Media;

/// <summary>
/// Colours of object numbers as DAVIS and PASCAL VOC have them: the bits 0, 1 and 2 of octal digit d of a number are bit 7 - d of red, green
/// and blue. Number 0 is black: no object.
/// </summary>
public static class ObjectPalette
{
    /// <summary>All 256 colours.</summary>
    public static IReadOnlyList<(byte R, byte G, byte B)> Colors { get; } = [.. Enumerable.Range(0, 256).Select(Color)];

    private static (byte R, byte G, byte B) Color(int number)
    {
        var (red, green, blue) = (0, 0, 0);
        for (var bit = 7; number > 0; bit--, number >>= 3)
        {
            red |= (number & 1) << bit;
            green |= (number >> 1 & 1) << bit;
            blue |= (number >> 2 & 1) << bit;
        }

        return ((byte)red, (byte)green, (byte)blue);
    }
}
