using AuralSam2.PostProcessing;
using Xunit;

namespace AuralSam2.Tests.PostProcessing;

public class RunLengthMaskTests
{
    [Fact]
    public void Pixels_come_back_and_area_and_box_are_theirs()
    {
        var random = new Random(3);
        for (var trial = 0; trial < 300; trial++)
        {
            var (width, height, density) = (random.Next(1, 40), random.Next(1, 40), random.NextDouble());
            if (trial % 10 == 0) density = trial % 20 / 10; // nothing, everything
            byte[] mask = [.. Enumerable.Range(0, width * height).Select(_ => random.NextDouble() < density ? byte.MaxValue : byte.MinValue)];
            var runs = RunLengthMask.Of(mask, width, height);
            Assert.Equal(mask, runs.ToPixels());
            Assert.Equal(width * height, runs.Runs.Sum());
            Assert.All(runs.Runs.Skip(1), run => Assert.True(run > 0));
            Assert.Equal(mask.Count(m => m != 0), runs.Area);
            int[] set = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i] != 0)];
            PixelBox? box = set.Length == 0 ? null : new(set.Min(i => i % width), set.Min(i => i / width), set.Max(i => i % width), set.Max(i => i / width));
            Assert.Equal(box, runs.Box);
        }
    }

    [Fact]
    public void Sizes_that_disagree_are_refused() =>
        Assert.Contains("6 pixels for a 2 x 2 mask", Assert.Throws<ArgumentException>(() => RunLengthMask.Of(new byte[6], 2, 2)).Message);

    [Fact]
    public void Thresholds_and_stability_of_any_length()
    {
        var random = new Random(9);
        for (var length = 0; length < 200; length++)
        {
            float[] logits = [.. Enumerable.Range(0, length).Select(i => i % 17 == 3 ? float.NaN : i % 11 == 5 ? 0.5f : random.NextSingle() * 4 - 2)];
            var mask = new byte[length];
            MaskThreshold.Above(logits, 0.5f, mask);
            Assert.Equal(logits.Select(l => l > 0.5f ? byte.MaxValue : byte.MinValue), mask);
            var expected = (float)logits.Count(l => l > 0.5f) / logits.Count(l => l > -0.5f);
            Assert.Equal(expected, MaskThreshold.Stability(logits, 0.5f));
        }

        Assert.Equal(float.NaN, MaskThreshold.Stability([-3, -2], 1));
    }
}
