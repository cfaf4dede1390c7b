namespace AuralSam2.Cli;

/// <summary>Size and place of a mask.</summary>
/// <param name="Area">Pixels that are set.</param>
/// <param name="Box">[x0, y0, x1, y1], x1 and y1 exclusive; null when the mask is empty.</param>
internal readonly record struct MaskExtent(int Area, int[]? Box)
{
    /// <summary>Measures a mask.</summary>
    /// <param name="mask"><c>[height, width]</c>; every byte but 0 counts.</param>
    /// <param name="width">Pixels of one row.</param>
    public static MaskExtent Of(ReadOnlySpan<byte> mask, int width)
    {
        var (area, left, top, right, bottom) = (0, int.MaxValue, 0, -1, -1);
        for (var y = 0; y < mask.Length / width; y++)
        {
            var row = mask.Slice(y * width, width);
            var first = row.IndexOfAnyExcept((byte)0);
            if (first < 0) continue;
            if (bottom < 0) top = y;
            bottom = y;
            left = Math.Min(left, first);
            right = Math.Max(right, row.LastIndexOfAnyExcept((byte)0));
            area += width - row.Count((byte)0);
        }

        return new MaskExtent(area, area == 0 ? null : [left, top, right + 1, bottom + 1]);
    }
}
