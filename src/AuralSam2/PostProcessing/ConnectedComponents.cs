namespace AuralSam2.PostProcessing;

/// <summary>Regions of a mask that touch by edge or corner (8-connectivity), found by joining the runs of neighbouring rows.</summary>
internal sealed class ConnectedComponents
{
    private readonly List<Run> runs = [];
    private readonly List<int> parents = [];
    private readonly List<int> areas = [];

    /// <summary>Finds the regions where a mask is set, or where it is not.</summary>
    /// <param name="mask"><c>[height, width]</c>, row-major; anything but 0 is set.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <param name="set">Which of the two kinds of pixels.</param>
    public ConnectedComponents(ReadOnlySpan<byte> mask, int width, bool set)
    {
        var (above, aboveEnd) = (0, 0);
        for (var start = 0; start < mask.Length; start += width)
        {
            var first = runs.Count;
            AddRow(mask.Slice(start, width), start, set);
            for (var run = first; run < runs.Count; run++)
            {
                // Runs of the row above that end left of this one cannot touch the next ones either.
                var (left, right) = (runs[run].Start - width, runs[run].End - width);
                while (above < aboveEnd && runs[above].End < left) above++;
                for (var other = above; other < aboveEnd && runs[other].Start <= right; other++) Join(run, other);
            }

            (above, aboveEnd) = (first, runs.Count);
        }
    }

    /// <summary>Writes a value over every region of at most so many pixels.</summary>
    public void Overwrite(Span<byte> mask, int largestArea, byte value)
    {
        for (var run = 0; run < runs.Count; run++)
            if (areas[Root(run)] <= largestArea) mask[runs[run].Start..runs[run].End].Fill(value);
    }

    private void AddRow(ReadOnlySpan<byte> row, int start, bool set)
    {
        for (var x = 0; x < row.Length; x++)
        {
            if (row[x] != 0 != set) continue;
            var left = x;
            while (x < row.Length && row[x] != 0 == set) x++;
            parents.Add(runs.Count);
            areas.Add(x - left);
            runs.Add(new Run(start + left, start + x));
        }
    }

    private int Root(int run)
    {
        while (parents[run] != run) run = parents[run] = parents[parents[run]];
        return run;
    }

    private void Join(int one, int other)
    {
        (one, other) = (Root(one), Root(other));
        if (one == other) return;
        var (low, high) = (Math.Min(one, other), Math.Max(one, other));
        parents[high] = low;
        areas[low] += areas[high];
    }

    /// <summary>Neighbouring pixels of one row, as indices into the mask; the end is the first that is not part of it.</summary>
    private readonly record struct Run(int Start, int End);
}
