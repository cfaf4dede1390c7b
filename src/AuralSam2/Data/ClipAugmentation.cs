using AuralSam2.Media;

namespace AuralSam2.Data;

/// <summary>
/// How the pictures of a training clip are changed, all frames alike (SPEC 11, Augmentation): mirrored, then rotated and sheared about
/// their centre, at their own size; after the resize perhaps stripped of colour. The colour jitter that the original announces never
/// takes effect there and has no counterpart here.
/// </summary>
/// <param name="Mirror">Left and right change places.</param>
/// <param name="Rotation">Degrees, clockwise.</param>
/// <param name="Shear">Degrees, along x only.</param>
/// <param name="Grayscale">Luma in all three channels.</param>
public sealed record ClipAugmentation(bool Mirror, double Rotation, double Shear, bool Grayscale)
{
    private const double MostRotation = 25;
    private const double MostShear = 20;
    private const double MirrorProbability = 0.5;
    private const double GrayscaleProbability = 0.05;

    /// <summary>What comes into the picture from outside: about ImageNet's mean colour.</summary>
    private static readonly (byte Red, byte Green, byte Blue) Outside = (123, 116, 103);

    /// <summary>Leaves clips as they are.</summary>
    public static ClipAugmentation None { get; } = new(false, 0, 0, false);

    /// <summary>Draws: mirror with probability 1/2, rotation in +-25 and shear in +-20 degrees, grayscale with 1/20.</summary>
    /// <param name="seed">Of the run.</param>
    /// <param name="epoch">From 0.</param>
    /// <param name="clip">Index of the clip in its dataset, from 0.</param>
    /// <returns>The same for the same arguments, whatever was drawn before.</returns>
    public static ClipAugmentation Draw(ulong seed, int epoch, int clip)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(clip);
        var random = new CounterRandom(CounterRandom.Augmentation, seed, (ulong)epoch, (ulong)clip);
        return new ClipAugmentation(
            random.NextDouble() < MirrorProbability,
            random.Uniform(-MostRotation, MostRotation),
            random.Uniform(-MostShear, MostShear),
            random.NextDouble() < GrayscaleProbability);
    }

    /// <summary>Mirrors, rotates and shears a frame: bilinear, filled with (123, 116, 103).</summary>
    public RgbImage Warp(RgbImage image)
    {
        if (Mirror) image = new RgbImage(image.Width, image.Height, Mirrored(image.Pixels, image.Width, 3));
        return Moves ? PillowAffine.Bilinear(image, Map(image.Width, image.Height), Outside) : image;
    }

    /// <summary>Mirrors, rotates and shears a label: nearest, filled with 0.</summary>
    public GrayImage Warp(GrayImage label)
    {
        if (Mirror) label = new GrayImage(label.Width, label.Height, Mirrored(label.Pixels, label.Width, 1));
        return Moves ? PillowAffine.Nearest(label, Map(label.Width, label.Height), fill: 0) : label;
    }

    /// <summary>What happens to the colours of a frame, after the resize.</summary>
    public RgbImage Recolor(RgbImage image) => Grayscale ? GrayImage.LumaOf(image).ToRgb() : image;

    private bool Moves => Rotation != 0 || Shear != 0;

    private AffineMap Map(int width, int height) => AffineMap.InverseOf(Rotation, Shear, width * 0.5, height * 0.5);

    private static byte[] Mirrored(byte[] pixels, int width, int channels)
    {
        var result = new byte[pixels.Length];
        for (var from = 0; from < pixels.Length; from += channels)
        {
            var (y, x) = Math.DivRem(from / channels, width);
            pixels.AsSpan(from, channels).CopyTo(result.AsSpan((y * width + width - 1 - x) * channels));
        }

        return result;
    }
}
