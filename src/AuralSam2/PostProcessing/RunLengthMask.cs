namespace AuralSam2.PostProcessing;

/// <summary>A mask as lengths of runs: a few hundred bytes where pixels take a megabyte.</summary>
public sealed class RunLengthMask
{
    private readonly int[] runs;

    private RunLengthMask(int width, int height, int[] runs, int area, PixelBox? box) =>
        (Width, Height, this.runs, Area, Box) = (width, height, runs, area, box);

    /// <summary>Pixels of a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>
    /// Lengths of runs in row-major order, which may go on from row to row: pixels off the mask (maybe none), on it, off it and so on.
    /// Together they are all pixels.
    /// </summary>
    public IReadOnlyList<int> Runs => runs;

    /// <summary>Pixels on the mask.</summary>
    public int Area { get; }

    /// <summary>The smallest box that holds the mask; null where it is empty.</summary>
    public PixelBox? Box { get; }

    /// <summary>Takes the runs of a mask.</summary>
    /// <param name="mask"><c>[height, width]</c>, row-major; every byte but 0 is on it.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentException">The sizes disagree.</exception>
    public static RunLengthMask Of(ReadOnlySpan<byte> mask, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (mask.Length != (long)width * height) throw new ArgumentException($"{mask.Length} pixels for a {width} x {height} mask", nameof(mask));
        var runs = new List<int>();
        var (area, at) = (0, 0);
        var (left, top, right, bottom) = (width, height, -1, -1);
        while (at < mask.Length)
        {
            var off = Length(mask[at..].IndexOfAnyExcept((byte)0), mask.Length - at);
            runs.Add(off);
            at += off;
            if (at == mask.Length) break;
            var on = Length(mask[at..].IndexOf((byte)0), mask.Length - at);
            runs.Add(on);
            area += on;
            var last = at + on - 1;
            (top, bottom) = (Math.Min(top, at / width), last / width);
            var isOneRow = at / width == bottom;
            left = isOneRow ? Math.Min(left, at % width) : 0;
            right = isOneRow ? Math.Max(right, last % width) : width - 1;
            at += on;
        }

        return new RunLengthMask(width, height, [.. runs], area, area == 0 ? null : new PixelBox(left, top, right, bottom));
    }

    /// <summary>The pixels: <c>[height, width]</c>, row-major, 0 or 255.</summary>
    public byte[] ToPixels()
    {
        var mask = new byte[Width * Height];
        for (int i = 0, at = 0; i < runs.Length; at += runs[i++])
            if (i % 2 == 1) mask.AsSpan(at, runs[i]).Fill(byte.MaxValue);
        return mask;
    }

    private static int Length(int found, int rest) => found < 0 ? rest : found;
}

/// <summary>A box of whole pixels, its first and its last columns and rows.</summary>
public readonly record struct PixelBox(int Left, int Top, int Right, int Bottom);
