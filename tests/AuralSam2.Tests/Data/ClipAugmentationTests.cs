using AuralSam2.Data;
using AuralSam2.Media;
using AuralSam2.Tests.Media;
using Xunit;

namespace AuralSam2.Tests.Data;

public sealed class ClipAugmentationTests
{
    [Fact]
    public void A_draw_depends_on_seed_epoch_and_clip_alone()
    {
        var first = ClipAugmentation.Draw(666, 3, 17);
        for (var i = 0; i < 10; i++) ClipAugmentation.Draw(1, i, i);
        Assert.Equal(first, ClipAugmentation.Draw(666, 3, 17));
        var others = new[] { (667UL, 3, 17), (666UL, 4, 17), (666UL, 3, 18), (666UL, 17, 3), (3UL, 666, 17) };
        Assert.All(others, k => Assert.NotEqual(first, ClipAugmentation.Draw(k.Item1, k.Item2, k.Item3)));

        // Recorded, and computed by hand from the definition: a run that is resumed by a later version goes on as it began.
        Assert.Equal(new ClipAugmentation(false, 1.7433230858563071, 13.058052480964555, false), first);
    }

    [Fact]
    public void Draws_are_spread_as_they_should_be()
    {
        var draws = Enumerable.Range(0, 200).SelectMany(e => Enumerable.Range(0, 100).Select(c => ClipAugmentation.Draw(5, e, c))).ToArray();
        Assert.InRange(draws.Average(d => d.Mirror ? 1 : 0), 0.48, 0.52);
        Assert.InRange(draws.Average(d => d.Grayscale ? 1 : 0), 0.043, 0.057);
        foreach (var (values, most) in new[] { (draws.Select(d => d.Rotation), 25.0), (draws.Select(d => d.Shear), 20.0) })
        {
            Assert.All(values, v => Assert.InRange(v, -most, most));
            var counts = values.GroupBy(v => (int)Math.Floor((v + most) / (most / 5))).ToDictionary(g => g.Key, g => g.Count());
            Assert.Equal(10, counts.Count);
            Assert.All(counts.Values, count => Assert.InRange(count, 1800, 2200)); // 2000 expected, deviation 42
        }

        // Nothing is tied to anything else.
        foreach (var (a, b) in new (Func<ClipAugmentation, double>, Func<ClipAugmentation, double>)[]
            { (d => d.Rotation, d => d.Shear), (d => d.Mirror ? 1 : 0, d => d.Rotation), (d => d.Grayscale ? 1 : 0, d => d.Shear) })
            Assert.InRange(Correlation([.. draws.Select(a)], [.. draws.Select(b)]), -0.03, 0.03);
    }

    [Fact]
    public void Frames_and_labels_move_together()
    {
        // A bright rectangle and its label: wherever the one goes, so does the other, but for the blurred pixels of its edge.
        var (width, height) = (90, 60);
        var label = new GrayImage(width, height, new byte[width * height]);
        for (var y = 10; y < 35; y++) label.Pixels.AsSpan(y * width + 15, 40).Fill(255);
        for (var clip = 0; clip < 20; clip++)
        {
            var augmentation = ClipAugmentation.Draw(1, 0, clip);
            var (moved, frame) = (augmentation.Warp(label), augmentation.Warp(label.ToRgb()));
            var wrong = Enumerable.Range(0, moved.Pixels.Length).Count(i => moved.Pixels[i] > 0 != frame.Pixels[3 * i] > 127);
            Assert.InRange(wrong, 0, 60);
            Assert.InRange(moved.Pixels.Count(p => p > 0), 600, 1040);
            Assert.NotEqual(label.Pixels, moved.Pixels);
        }
    }

    [Fact]
    public void Mirroring_alone_is_exact_and_grey_is_luma()
    {
        var image = TestPictures.Noise(5, 2);
        var mirrored = (ClipAugmentation.None with { Mirror = true }).Warp(image);
        for (var y = 0; y < 2; y++)
            for (var x = 0; x < 5; x++)
                Assert.Equal(image.Pixels.AsSpan((y * 5 + x) * 3, 3), mirrored.Pixels.AsSpan((y * 5 + 4 - x) * 3, 3));
        Assert.Equal([3, 2, 1, 6, 5, 4], (ClipAugmentation.None with { Mirror = true }).Warp(new GrayImage(3, 2, [1, 2, 3, 4, 5, 6])).Pixels);
        Assert.Same(image, ClipAugmentation.None.Warp(image));
        Assert.Same(image, ClipAugmentation.None.Recolor(image));
        var grey = (ClipAugmentation.None with { Grayscale = true }).Recolor(image);
        Assert.Equal(GrayImage.LumaOf(image).Pixels, grey.Pixels.Chunk(3).Select(p => p[2]));
    }

    [Fact]
    public void What_comes_from_outside_is_filled()
    {
        var turned = ClipAugmentation.None with { Rotation = 25 };
        var frame = turned.Warp(new RgbImage(40, 40, new byte[40 * 40 * 3]));
        Assert.Equal(new byte[] { 123, 116, 103 }, frame.Pixels[..3]);
        Assert.Equal(0, turned.Warp(new GrayImage(40, 40, [.. Enumerable.Repeat((byte)9, 1600)])).Pixels[0]);
    }

    private static double Correlation(double[] a, double[] b)
    {
        var (meanA, meanB) = (a.Average(), b.Average());
        var covariance = a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Sum();
        return covariance / Math.Sqrt(a.Sum(x => (x - meanA) * (x - meanA)) * b.Sum(y => (y - meanB) * (y - meanB)));
    }
}
