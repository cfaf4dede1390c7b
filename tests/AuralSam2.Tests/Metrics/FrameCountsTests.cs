using AuralSam2.Metrics;
using Xunit;

namespace AuralSam2.Tests.Metrics;

public sealed class FrameCountsTests
{
    private const float Inside = 20, Outside = -20;

    [Fact]
    public void Bins_are_those_of_the_definition_at_and_around_every_cut()
    {
        List<float> logits =
            [0, -0f, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity];
        for (var k = 1; k < LogitBins.Thresholds; k++)
        {
            // The float next to the cut, three to both sides of it, and some that are further away.
            var threshold = BruteForce.Threshold(k);
            var cut = (float)Math.Log(threshold / (1 - threshold));
            var (below, above) = (cut, cut);
            logits.Add(cut);
            for (var i = 0; i < 3; i++) logits.AddRange([below = MathF.BitDecrement(below), above = MathF.BitIncrement(above)]);
            logits.AddRange([cut * 1.001f, cut * 0.999f, cut + 0.004f]);
        }

        foreach (var logit in logits)
        {
            var counts = new int[2 * LogitBins.Count];
            LogitBins.Add([logit], [1], counts);
            var bin = Array.IndexOf(counts, 1) - LogitBins.Count;
            for (var k = 0; k < LogitBins.Thresholds; k++)
                Assert.Equal(BruteForce.Sigmoid(logit) >= BruteForce.Threshold(k), bin >= LogitBins.FirstReaching(k));
            Assert.Equal(logit > 0, bin >= LogitBins.FirstOfMask);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(1000)]
    [InlineData(20000)]
    public void Every_score_is_that_of_the_definition(int pixels)
    {
        for (var seed = 0; seed < 6; seed++)
        {
            var (logits, labels) = BruteForce.Frame(pixels, seed, foreground: seed % 3 == 2 ? 0 : 0.3);
            var counts = new FrameCounts(logits, labels);
            Assert.Equal(BruteForce.Jaccard(logits, labels), counts.Jaccard, 1e-12);
            var sums = Enumerable.Repeat(2.0, LogitBins.Thresholds).ToArray();
            counts.AddFMeasures(sums);
            for (var k = 0; k < sums.Length; k++) Assert.Equal(2 + BruteForce.FMeasure(logits, labels, k), sums[k], 1e-12);
            Assert.Equal((pixels, labels.Count(l => l != 0), logits.Count(x => x > 0)), (counts.Pixels, counts.GroundTruth, counts.Predicted));
        }
    }

    [Fact]
    public void Nothing_to_find_scores_what_is_left_alone()
    {
        Assert.Equal(1, Counts([Outside, Outside, Outside, Outside], [0, 0, 0, 0]).Jaccard, 1e-7);
        Assert.Equal(0.75, Counts([Inside, Outside, Outside, Outside], [0, 0, 0, 0]).Jaccard, 1e-7);
        Assert.Equal(0, Counts([Inside, Inside, Inside, Inside], [0, 0, 0, 0]).Jaccard, 1e-7);
        Assert.True(Counts([Inside], [0]).IsEmpty);
    }

    [Fact]
    public void Perfect_inverted_full_and_single_pixels()
    {
        byte[] labels = [1, 1, 0, 0];
        Assert.Equal((1, 1), JaccardAndBestF([Inside, Inside, Outside, Outside], labels));
        Assert.Equal((1, 1), JaccardAndBestF([Inside, Inside, Inside, Inside], [1, 1, 1, 1]));

        // Inverted: nothing in common, but the threshold 0 predicts everything: P = 1/2, R = 1.
        Assert.Equal((0, Round(1.3 * 0.5 / (0.3 * 0.5 + 1))), JaccardAndBestF([Outside, Outside, Inside, Inside], labels));
        Assert.Equal((0.5, Round(1.3 * 0.5 / (0.3 * 0.5 + 1))), JaccardAndBestF([Inside, Inside, Inside, Inside], labels));

        // One pixel of two.
        Assert.Equal((0.5, Round(1.3 * 0.5 / (0.3 + 0.5))), JaccardAndBestF([Inside, Outside, Outside, Outside], labels));
        Assert.Equal((1, 1), JaccardAndBestF([Inside], [1]));
        Assert.Equal((0, 1), JaccardAndBestF([Outside], [1])); // again threshold 0
    }

    [Fact]
    public void The_mask_begins_above_zero_and_any_label_but_zero_is_foreground()
    {
        Assert.Equal(0, Counts([0, -0f], [1, 1]).Predicted);
        Assert.Equal(1, Counts([float.Epsilon, -float.Epsilon], [255, 1]).Predicted);
        Assert.Equal((2, 1), (Counts([1, -1, 1], [255, 1, 0]).GroundTruth, Counts([1, -1, 1], [255, 1, 0]).TruePositive));
        Assert.Equal(1, Counts([float.PositiveInfinity, float.NegativeInfinity], [1, 0]).Jaccard, 1e-6);
    }

    [Fact]
    public void What_cannot_be_counted_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Counts([], []));
        Assert.Throws<ArgumentException>(() => Counts([1], [1, 0]));
        Assert.Throws<ArgumentException>(() => Counts([1, float.NaN], [1, 0]));
    }

    private static FrameCounts Counts(float[] logits, byte[] labels) => new(logits, labels);

    private static (double Jaccard, double F) JaccardAndBestF(float[] logits, byte[] labels)
    {
        var counts = Counts(logits, labels);
        var sums = new double[LogitBins.Thresholds];
        counts.AddFMeasures(sums);
        return (Math.Round(counts.Jaccard, 6), Round(sums.Max()));
    }

    private static double Round(double value) => Math.Round(value, 6);
}
