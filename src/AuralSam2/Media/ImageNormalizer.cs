namespace AuralSam2.Media;

/// <summary>Pixels to the numbers that image encoders take: v / 255, less the mean, over the deviation of ImageNet.</summary>
public static class ImageNormalizer
{
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] Deviation = [0.229f, 0.224f, 0.225f];

    /// <summary>Red, green, blue.</summary>
    public const int Channels = 3;

    /// <summary>Every answer there is: <c>[256, 3]</c>.</summary>
    private static readonly float[] Table = [.. Enumerable.Range(0, 256 * 3).Select(i => (i / 3 / 255f - Mean[i % 3]) / Deviation[i % 3])];

    /// <summary>Normalises a picture, channels last.</summary>
    /// <param name="image">Picture.</param>
    /// <param name="destination"><c>[height, width, 3]</c></param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public static void ToChannelLast(RgbImage image, Span<float> destination)
    {
        if (destination.Length != image.Pixels.Length)
            throw new ArgumentException($"room for {destination.Length} values of a {image.Width} x {image.Height} picture", nameof(destination));
        for (var i = 0; i < destination.Length; i += 3)
        {
            destination[i] = Table[image.Pixels[i] * 3];
            destination[i + 1] = Table[image.Pixels[i + 1] * 3 + 1];
            destination[i + 2] = Table[image.Pixels[i + 2] * 3 + 2];
        }
    }

    /// <summary>Normalises one channel of a picture.</summary>
    /// <param name="image">Picture.</param>
    /// <param name="channel">0 red, 1 green, 2 blue.</param>
    /// <param name="destination"><c>[height, width]</c></param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    internal static void Plane(RgbImage image, int channel, Span<float> destination)
    {
        if (destination.Length * Channels != image.Pixels.Length)
            throw new ArgumentException($"room for {destination.Length} values of a {image.Width} x {image.Height} picture", nameof(destination));
        for (var i = 0; i < destination.Length; i++) destination[i] = Table[(image.Pixels[(i * Channels) + channel] * Channels) + channel];
    }
}
