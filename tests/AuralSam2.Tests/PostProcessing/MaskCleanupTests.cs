using AuralSam2.PostProcessing;
using Xunit;

namespace AuralSam2.Tests.PostProcessing;

public class MaskCleanupTests
{
    [Fact]
    public void Regions_are_those_of_a_flood_fill()
    {
        var random = new Random(7);
        for (var trial = 0; trial < 300; trial++)
        {
            var (width, height, area) = (random.Next(1, 40), random.Next(1, 40), random.Next(1, 30));
            var density = random.NextDouble();
            byte[] mask = [.. Enumerable.Range(0, width * height).Select(_ => random.NextDouble() < density ? byte.MaxValue : byte.MinValue)];
            var expected = Flooded(Flooded(mask, width, height, area, byte.MinValue), width, height, area, byte.MaxValue);
            MaskCleanup.Apply(mask, width, height, new MaskCleanupOptions(area, area));
            Assert.Equal(expected, mask);
        }
    }

    [Fact]
    public void Smoothing_takes_single_pixels_and_keeps_straight_edges()
    {
        var mask = new byte[5 * 4];
        for (var y = 0; y < 4; y++) mask[y * 5] = mask[(y * 5) + 1] = byte.MaxValue;
        byte[] expected = [.. mask];
        mask[(1 * 5) + 3] = byte.MaxValue;
        MaskCleanup.Apply(mask, 5, 4, new MaskCleanupOptions(SmoothEdges: true));
        Assert.Equal(expected, mask);
    }

    [Fact]
    public void Sizes_that_disagree_are_refused() =>
        Assert.Contains("6 pixels for a 2 x 2 mask", Assert.Throws<ArgumentException>(() => MaskCleanup.Apply(new byte[6], 2, 2, new())).Message);

    /// <summary>Regions of one value with at most so many pixels get the other value.</summary>
    private static byte[] Flooded(byte[] mask, int width, int height, int area, byte value)
    {
        byte[] result = [.. mask];
        var seen = new bool[mask.Length];
        for (var start = 0; start < mask.Length; start++)
        {
            if (seen[start] || mask[start] != value) continue;
            List<int> region = [start];
            seen[start] = true;
            for (var i = 0; i < region.Count; i++)
            {
                for (var k = 0; k < 9; k++)
                {
                    var (x, y) = ((region[i] % width) + (k % 3) - 1, (region[i] / width) + (k / 3) - 1);
                    if (x < 0 || y < 0 || x >= width || y >= height || seen[(y * width) + x] || mask[(y * width) + x] != value) continue;
                    seen[(y * width) + x] = true;
                    region.Add((y * width) + x);
                }
            }

            if (region.Count <= area) foreach (var pixel in region) result[pixel] = (byte)(255 - value);
        }

        return result;
    }
}
