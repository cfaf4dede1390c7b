namespace AuralSam2.Bench.Race;

/// <summary>What one side took, round by round, in milliseconds; and the two comparisons that a race makes.</summary>
internal sealed class Samples
{
    private readonly List<double> milliseconds = [];

    public int Count => milliseconds.Count;

    /// <summary>The fastest round; null without rounds.</summary>
    public double? Best => milliseconds.Count == 0 ? null : milliseconds.Min();

    /// <summary>The middle round, or the mean of the two in the middle; null without rounds.</summary>
    public double? Median
    {
        get
        {
            var sorted = milliseconds.Order().ToArray();
            return sorted.Length == 0 ? null : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        }
    }

    public void Add(double value) => milliseconds.Add(value);

    /// <summary>Largest difference between two results; NaN where one side has a NaN and the other has not.</summary>
    /// <exception cref="InvalidOperationException">They are not of one length.</exception>
    public static double LargestDifference(ReadOnlySpan<float> ours, ReadOnlySpan<float> theirs)
    {
        if (ours.Length != theirs.Length) throw new InvalidOperationException($"{ours.Length} values of ours against {theirs.Length} of the peer");
        var largest = 0.0;
        for (var i = 0; i < ours.Length; i++)
        {
            if (ours[i].Equals(theirs[i])) continue; // equal infinities too, whose difference is no number
            var difference = Math.Abs((double)ours[i] - theirs[i]);
            if (!(difference <= largest)) largest = difference;
            if (double.IsNaN(largest)) break;
        }

        return largest;
    }
}
