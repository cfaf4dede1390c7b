using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>
/// A picture that marks objects: white on black, or a number for every object, as grey level or as colour of DAVIS' palette.
/// </summary>
internal sealed class MaskPicture
{
    /// <summary>Grey levels up to here are object numbers; brighter ones are white.</summary>
    private const byte BrightestNumber = 32;

    private readonly byte[] numbers;
    private readonly bool isNumbered;

    private MaskPicture(int width, int height, byte[] numbers, bool isNumbered) =>
        (Width, Height, this.numbers, this.isNumbered) = (width, height, numbers, isNumbered);

    /// <summary>Pixels of one row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Reads one.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    /// <exception cref="UsageException">Its colours are no object numbers.</exception>
    public static MaskPicture Read(string file)
    {
        var image = ImageReader.Read(file);
        var pixels = new (byte R, byte G, byte B)[image.Width * image.Height];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (image.Pixels[3 * i], image.Pixels[(3 * i) + 1], image.Pixels[(3 * i) + 2]);
        if (pixels.All(p => p.R == p.G && p.G == p.B))
        {
            var isNumbered = pixels.Max(p => p.R) <= BrightestNumber;
            return new MaskPicture(image.Width, image.Height, [.. pixels.Select(p => isNumbered ? p.R : (byte)(p.R > 127 ? 1 : 0))], isNumbered);
        }

        var number = ObjectPalette.Colors.Select((color, i) => (color, i)).ToDictionary(c => c.color, c => (byte)c.i);
        foreach (var (red, green, blue) in pixels.Distinct())
            if (!number.ContainsKey((red, green, blue)))
                throw new UsageException($"{file}: the colour ({red}, {green}, {blue}) is none of DAVIS' palette; save the mask as PNG, white on black");
        return new MaskPicture(image.Width, image.Height, [.. pixels.Select(p => number[p])], isNumbered: true);
    }

    /// <summary>The masks in it.</summary>
    /// <param name="wanted">One object: the pixels with its number or, where there are none, all that are marked; null for all
    /// objects.</param>
    public IEnumerable<(int Object, byte[] Mask)> Objects(int? wanted)
    {
        byte[] present = [.. numbers.Distinct().Where(n => n != 0).Order()];
        if (present.Length == 0) return [];
        if (wanted is { } number) return [(number, isNumbered && present.Contains((byte)number) ? Of((byte)number) : numbers)];
        return isNumbered ? present.Select(n => ((int)n, Of(n))) : [(1, numbers)];
    }

    private byte[] Of(byte number) => [.. numbers.Select(n => n == number ? (byte)1 : (byte)0)];
}
