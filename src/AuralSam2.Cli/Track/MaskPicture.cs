using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>
/// A picture that marks objects: white on black, or a number for every object, as grey level or as colour of DAVIS' palette.
/// </summary>
internal sealed class MaskPicture
{
    /// <summary>Grey levels up to here are object numbers; brighter ones are white.</summary>
    private const byte BrightestNumber = 32;

    private static readonly Dictionary<(byte R, byte G, byte B), byte> Numbers =
        ObjectPalette.Colors.Select((color, number) => (color, number)).ToDictionary(c => c.color, c => (byte)c.number);

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
        var (pixels, numbers) = (image.Pixels, new byte[image.Width * image.Height]);
        var (isGrey, brightest) = (true, (byte)0);
        for (var i = 0; i < pixels.Length && isGrey; i += 3)
        {
            isGrey = pixels[i] == pixels[i + 1] && pixels[i] == pixels[i + 2];
            brightest = Math.Max(brightest, pixels[i]);
        }

        var isNumbered = !isGrey || brightest <= BrightestNumber;
        var (color, number) = ((R: (byte)0, G: (byte)0, B: (byte)0), (byte)0); // of the pixel before: masks have long runs
        for (var i = 0; i < numbers.Length; i++)
        {
            var here = (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]);
            if (here != color) (color, number) = (here, isGrey ? isNumbered ? here.Item1 : (byte)(here.Item1 > 127 ? 1 : 0) : NumberOf(here, file));
            numbers[i] = number;
        }

        return new MaskPicture(image.Width, image.Height, numbers, isNumbered);
    }

    /// <summary>The masks in it.</summary>
    /// <param name="wanted">One object: the pixels with its number or, where there are none, all that are marked; null for all
    /// objects.</param>
    public IEnumerable<(int Object, byte[] Mask)> Objects(int? wanted)
    {
        Span<bool> seen = stackalloc bool[byte.MaxValue + 1];
        foreach (var number in numbers) seen[number] = true;
        var present = new List<byte>();
        for (var n = 1; n < seen.Length; n++)
            if (seen[n]) present.Add((byte)n);
        if (present.Count == 0) return [];
        if (wanted is { } one) return [(one, isNumbered && present.Contains((byte)one) ? Of((byte)one) : numbers)];
        return isNumbered ? present.Select(n => ((int)n, Of(n))) : [(1, numbers)];
    }

    private static byte NumberOf((byte R, byte G, byte B) color, string file) => Numbers.TryGetValue(color, out var number)
        ? number
        : throw new UsageException($"{file}: the colour {color} is none of DAVIS' palette; save the mask as PNG, white on black");

    private byte[] Of(byte number)
    {
        var mask = new byte[numbers.Length];
        for (var i = 0; i < mask.Length; i++) mask[i] = numbers[i] == number ? (byte)1 : (byte)0;
        return mask;
    }
}
