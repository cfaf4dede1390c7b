namespace AuralSam2.Kernels;

/// <summary>A set of numbers as disjoint half-open intervals, in order.</summary>
internal sealed class Intervals
{
    private readonly List<(long Start, long End)> items = [];

    /// <summary>The intervals.</summary>
    public IReadOnlyList<(long Start, long End)> Items => items;

    /// <summary>Whether any number of an interval is in the set.</summary>
    public bool Overlaps((long Start, long End) interval)
    {
        var at = FirstEndingAfter(interval.Start);
        return at < items.Count && items[at].Start < interval.End && interval.Start < interval.End;
    }

    /// <summary>What of an interval is not in the set.</summary>
    public List<(long Start, long End)> Without((long Start, long End) interval)
    {
        var gaps = new List<(long, long)>();
        for (var at = FirstEndingAfter(interval.Start); at < items.Count && items[at].Start < interval.End; at++)
        {
            if (items[at].Start > interval.Start) gaps.Add((interval.Start, items[at].Start));
            interval.Start = items[at].End;
        }

        if (interval.Start < interval.End) gaps.Add(interval);
        return gaps;
    }

    /// <summary>Adds an interval; neighbours become one.</summary>
    public void Add((long Start, long End) interval)
    {
        if (interval.Start >= interval.End) return;
        var at = FirstEndingAfter(interval.Start - 1);
        var count = 0;
        while (at + count < items.Count && items[at + count].Start <= interval.End)
        {
            interval = (Math.Min(interval.Start, items[at + count].Start), Math.Max(interval.End, items[at + count].End));
            count++;
        }

        items.RemoveRange(at, count);
        items.Insert(at, interval);
    }

    /// <summary>Takes an interval out.</summary>
    public void Remove((long Start, long End) interval)
    {
        if (interval.Start >= interval.End) return;
        for (var at = FirstEndingAfter(interval.Start); at < items.Count && items[at].Start < interval.End;)
        {
            var (start, end) = items[at];
            items.RemoveAt(at);
            if (start < interval.Start) items.Insert(at++, (start, interval.Start));
            if (end > interval.End) items.Insert(at++, (interval.End, end));
        }
    }

    /// <summary>Empties the set.</summary>
    public void Clear() => items.Clear();

    private int FirstEndingAfter(long position)
    {
        int low = 0, high = items.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (items[middle].End > position) high = middle;
            else low = middle + 1;
        }

        return low;
    }
}
