using SkiaSharp;

namespace AuralSam2.Cli;

/// <summary>Colours of the pictures that the command draws.</summary>
internal static class Palette
{
    public static readonly SKColor Ground = new(0xFF, 0xFF, 0xFF);
    public static readonly SKColor Ink = new(0x16, 0x1B, 0x22);
    public static readonly SKColor Quiet = new(0x6A, 0x73, 0x7D);
    public static readonly SKColor Faint = new(0xA9, 0xB1, 0xBA);
    public static readonly SKColor Rule = new(0xE1, 0xE4, 0xE8);
    public static readonly SKColor NoSound = new(0xF3, 0xF4, 0xF6);
    public static readonly SKColor WarningGround = new(0xFF, 0xE8, 0xB8);
    public static readonly SKColor WarningInk = new(0x7A, 0x45, 0x00);
    public static readonly SKColor Marker = new(MaskOverlay.Color.R, MaskOverlay.Color.G, MaskOverlay.Color.B);

    /// <summary>
    /// Nine samples of the colour map magma (Smith and van der Walt, matplotlib, CC0), evenly spaced: perceived lightness rises
    /// steadily, so twice as loud looks like the same step everywhere.
    /// </summary>
    private static readonly (int R, int G, int B)[] Magma =
    [
        (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97), (254, 194, 135), (252, 253, 191),
    ];

    /// <summary>Six colours that people with any colour vision can tell apart (Okabe and Ito 2008), without black and yellow.</summary>
    private static readonly SKColor[] Categories =
    [
        new(0x00, 0x72, 0xB2), new(0xD5, 0x5E, 0x00), new(0x00, 0x9E, 0x73), new(0xCC, 0x79, 0xA7), new(0x56, 0xB4, 0xE9), new(0xE6, 0x9F, 0x00),
    ];

    /// <summary>Colour of one of at most six kinds of things.</summary>
    public static SKColor Category(int index) => Categories[index];

    /// <summary>Colour of a loudness from 0 to 1.</summary>
    public static SKColor Loudness(float value)
    {
        var place = Math.Clamp(value, 0, 1) * (Magma.Length - 1);
        var (low, share) = ((int)place, place - (int)place);
        var (a, b) = (Magma[low], Magma[Math.Min(low + 1, Magma.Length - 1)]);
        return new SKColor(Mix(a.R, b.R), Mix(a.G, b.G), Mix(a.B, b.B));

        byte Mix(int from, int to) => (byte)MathF.Round(from + (to - from) * share);
    }
}
