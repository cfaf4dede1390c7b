namespace AuralSam2.PostProcessing;

/// <summary>What is tidied in a mask; the default is nothing.</summary>
/// <param name="FillHolesUpTo">Holes of at most so many pixels are filled; 0 leaves them.</param>
/// <param name="RemoveSprinklesUpTo">Islands of at most so many pixels are removed; 0 leaves them.</param>
/// <param name="SmoothEdges">Each pixel takes the value of most of its 3 x 3 neighbourhood.</param>
public sealed record MaskCleanupOptions(int FillHolesUpTo = 0, int RemoveSprinklesUpTo = 0, bool SmoothEdges = false);

/// <summary>Tidies masks at the size at which they are given out.</summary>
public static class MaskCleanup
{
    /// <summary>Fills holes, then removes sprinkles, then smooths edges, as far as wanted, in place.</summary>
    /// <param name="mask"><c>[height, width]</c>, row-major, 0 or 255.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="options">What is wanted.</param>
    /// <exception cref="ArgumentException">The sizes disagree, or an area is negative.</exception>
    public static void Apply(Span<byte> mask, int width, int height, MaskCleanupOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.FillHolesUpTo, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.RemoveSprinklesUpTo, nameof(options));
        if (mask.Length != (long)width * height) throw new ArgumentException($"{mask.Length} pixels for a {width} x {height} mask", nameof(mask));
        if (options.FillHolesUpTo > 0) new ConnectedComponents(mask, width, set: false).Overwrite(mask, options.FillHolesUpTo, byte.MaxValue);
        if (options.RemoveSprinklesUpTo > 0) new ConnectedComponents(mask, width, set: true).Overwrite(mask, options.RemoveSprinklesUpTo, 0);
        if (options.SmoothEdges) Smooth(mask, width, height);
    }

    /// <summary>The majority of nine; pixels of the border count again where neighbours lie outside.</summary>
    private static void Smooth(Span<byte> mask, int width, int height)
    {
        var before = mask.ToArray();
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var set = 0;
                for (var dy = -1; dy <= 1; dy++)
                {
                    var row = Math.Clamp(y + dy, 0, height - 1) * width;
                    for (var dx = -1; dx <= 1; dx++)
                        if (before[row + Math.Clamp(x + dx, 0, width - 1)] != 0) set++;
                }

                mask[(y * width) + x] = set >= 5 ? byte.MaxValue : byte.MinValue;
            }
        }
    }
}
