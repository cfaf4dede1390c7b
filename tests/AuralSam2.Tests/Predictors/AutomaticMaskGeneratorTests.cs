using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.PostProcessing;
using AuralSam2.Predictors;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>Everything in a picture, held against asking point by point.</summary>
public sealed class AutomaticMaskGeneratorTests : IDisposable
{
    private const int Width = 60;
    private const int Height = 44;

    /// <summary>Weights by rule trust nothing much: everything is kept but what is in the same place.</summary>
    private static readonly AutomaticMaskOptions Everything = new() { PointsPerSide = 5, MinPredictedIou = 0, MinStability = 0 };

    private readonly MiniSam2 mini = new();

    public void Dispose()
    {
        Assert.Equal(0, mini.Device.Arena.OpenScopes);
        mini.Dispose();
    }

    [Theory]
    [InlineData(Width, Height, true)]
    [InlineData(31, 57, false)]
    public void Masks_are_those_of_asking_at_every_point(int width, int height, bool multimask)
    {
        var picture = ImagePredictorTests.Picture(1, width, height);
        var all = Asked(picture, 5, multimask);
        var middle = all.Select(m => m.Iou).Order().ElementAt(all.Count / 2);
        var options = Everything with { MinPredictedIou = middle, MinStability = 0.2f, StabilityOffset = 0.3f, Multimask = multimask, MaxBoxIou = 0.8f };
        List<(float Iou, float Stability, byte[] Mask, PixelBox Box)> expected = [];
        foreach (var (iou, logits) in all.Where(m => m.Iou > middle).OrderByDescending(m => m.Iou))
        {
            var stability = (float)logits.Count(l => l > 0.3f) / logits.Count(l => l > -0.3f);
            byte[] mask = [.. logits.Select(l => l > 0 ? byte.MaxValue : byte.MinValue)];
            if (!(stability >= 0.2f) || BoxOf(mask, width) is not { } box || expected.Exists(e => Iou(e.Box, box) > 0.8)) continue;
            expected.Add((iou, stability, mask, box));
        }

        var found = new AutomaticMaskGenerator(mini.Model, options).Generate(picture);
        Assert.InRange(found.Count, 1, all.Count / 2);
        Assert.Equal(expected.Select(e => (e.Iou, e.Stability, e.Box)), found.Select(m => (m.PredictedIou, m.Stability, m.Box)));
        foreach (var (one, other) in expected.Zip(found))
        {
            Assert.Equal(one.Mask, other.Mask.ToPixels());
            Assert.Equal(one.Mask.Count(p => p != 0), other.Area);
            Assert.Equal(new PixelBox(0, 0, width - 1, height - 1), other.Crop);
        }
    }

    [Fact]
    public void The_usual_thresholds_are_strict_about_untrained_weights() =>
        Assert.Empty(new AutomaticMaskGenerator(mini.Model, new AutomaticMaskOptions { PointsPerSide = 2 }).Generate(ImagePredictorTests.Picture()));

    [Fact]
    public void Results_are_the_same_on_any_number_of_threads()
    {
        using var one = new MiniSam2(new CpuDevice(1));
        var options = Everything with { CropLayers = 1 };
        var (alone, shared) = (
            new AutomaticMaskGenerator(one.Model, options).Generate(ImagePredictorTests.Picture()),
            new AutomaticMaskGenerator(mini.Model, options).Generate(ImagePredictorTests.Picture()));
        Assert.Equal(alone.Select(Text), shared.Select(Text));
        Assert.Equal(alone.Select(m => m.PredictedIou).OrderDescending(), alone.Select(m => m.PredictedIou));
    }

    /// <summary>In so small a picture no mask of a part counts as cut off.</summary>
    [Fact]
    public void Masks_of_parts_are_those_of_the_part_as_a_picture()
    {
        var reports = new Reports();
        var picture = ImagePredictorTests.Picture(0, 30, 26);
        var options = Everything with { PointsPerSide = 4, CropLayers = 1, CropPointsDownscale = 2, MaxBoxIou = 1, MaxCropBoxIou = 1 };
        IReadOnlyList<GeneratedMask> found;
        using (var modules = new OpHook(mini.Device))
        {
            found = new AutomaticMaskGenerator(mini.Model, options).Generate(picture, reports);
            Assert.Equal(5, modules.Modules("image_encoder"));
        }

        Assert.Equal(Enumerable.Range(0, 16 + (4 * 4)).Select(i => new SegmentProgress("segmenting", i, 32)), reports.All);
        Assert.Equal(5, found.Select(m => m.Crop).Distinct().Count());
        var predictor = new ImagePredictor(mini.Model);
        foreach (var part in found.GroupBy(m => m.Crop))
        {
            var (crop, width) = (part.Key, part.Key.Right - part.Key.Left + 1);
            int[] places = [.. Enumerable.Range(0, 30 * 26).Where(i => i % 30 >= crop.Left && i % 30 <= crop.Right && i / 30 >= crop.Top && i / 30 <= crop.Bottom)];
            using var image = predictor.Encode(new RgbImage(width, places.Length / width, [.. places.SelectMany(i => picture.Pixels[(i * 3)..((i * 3) + 3)])]));
            foreach (var mask in part)
            {
                var answer = predictor.Predict(image, new ImagePrompt { Points = [new(mask.Point.X - crop.Left, mask.Point.Y - crop.Top)] });
                var expected = new byte[30 * 26];
                var seen = answer.Masks.MinBy(m => MathF.Abs(m.PredictedIou - mask.PredictedIou))!.Mask;
                for (var i = 0; i < seen.Length; i++) expected[places[i]] = seen[i];
                Assert.Equal(expected, mask.Mask.ToPixels());
            }
        }

        // Of masks in the same place that of the smaller part is kept, so that the best of the first part is.
        var sparing = new AutomaticMaskGenerator(mini.Model, options with { MaxCropBoxIou = 0 }).Generate(picture);
        var first = found.Where(m => m.Crop == new PixelBox(0, 0, 18, 16)).MaxBy(m => m.PredictedIou)!;
        Assert.Contains(Text(first), sparing.Select(Text));
        Assert.All(sparing.Where(m => Text(m) != Text(first)), m => Assert.False(BoxSuppression.Iou(m.Box, first.Box) > 0));
    }

    [Fact]
    public void Masks_that_their_part_cuts_off_are_dropped()
    {
        var options = Everything with { PointsPerSide = 3, CropLayers = 1, MaxBoxIou = 1, MaxCropBoxIou = 1 };
        var found = new AutomaticMaskGenerator(mini.Model, options).Generate(ImagePredictorTests.Picture(0, 150, 120));
        Assert.NotEmpty(found);
        Assert.All(found, m => Assert.False(CropPlan.IsCutOff(m.Box, m.Crop, 150, 120)));
    }

    /// <summary>1500 x 1000: parts of the first layer overlap by 341 pixels, which is 512 of 1500 of the shorter edge.</summary>
    [Fact]
    public void Parts_overlap_and_cover_the_picture()
    {
        var boxes = CropPlan.Boxes(1500, 1000, new AutomaticMaskOptions { CropLayers = 2 });
        Assert.Equal(1 + 4 + 16, boxes.Count);
        Assert.Equal(
            [new(0, 0, 1499, 999), new(0, 0, 920, 670), new(0, 330, 920, 999), new(580, 0, 1499, 670), new(580, 330, 1499, 999)],
            boxes.Take(5).Select(b => b.Box));
        Assert.Equal(1024, CropPlan.Grid(0, new AutomaticMaskOptions()).Count);
        Assert.Equal([(0.25f, 0.25f), (0.75f, 0.25f), (0.25f, 0.75f), (0.75f, 0.75f)], CropPlan.Grid(1, new() { PointsPerSide = 5, CropPointsDownscale = 2 }));
        foreach (var (width, height) in ((int, int)[])[(1, 1), (2, 9), (640, 3), (97, 61), (33, 1000)])
        {
            foreach (var layer in CropPlan.Boxes(width, height, new AutomaticMaskOptions { CropLayers = 3 }).GroupBy(b => b.Layer))
            {
                var covered = new bool[width, height];
                foreach (var (box, _) in layer)
                {
                    Assert.True(box.Left >= 0 && box.Top >= 0 && box.Right < width && box.Bottom < height && box.Left <= box.Right && box.Top <= box.Bottom);
                    for (var x = box.Left; x <= box.Right; x++)
                        for (var y = box.Top; y <= box.Bottom; y++) covered[x, y] = true;
                }

                Assert.DoesNotContain(false, covered.Cast<bool>());
            }
        }
    }

    [Fact]
    public void A_mask_is_cut_off_where_its_part_ends_inside_the_picture()
    {
        var crop = new PixelBox(0, 100, 499, 599);
        Assert.False(CropPlan.IsCutOff(new(0, 200, 300, 400), crop, 1000, 1000)); // at the left edge of both
        Assert.True(CropPlan.IsCutOff(new(0, 120, 300, 400), crop, 1000, 1000));
        Assert.False(CropPlan.IsCutOff(new(30, 121, 479, 400), crop, 1000, 1000));
        Assert.True(CropPlan.IsCutOff(new(30, 121, 480, 400), crop, 1000, 1000));
        Assert.False(CropPlan.IsCutOff(new(30, 121, 479, 590), crop, 1000, 600));
        Assert.False(CropPlan.IsCutOff(new(0, 0, 999, 999), new(0, 0, 999, 999), 1000, 1000));
    }

    [Fact]
    public void Suppression_is_that_of_brute_force()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 200; trial++)
        {
            var limit = random.NextSingle();
            (PixelBox Box, float Score)[] boxes = [.. Enumerable.Range(0, random.Next(60)).Select(_ => (Box(), random.Next(20) / 20f))];
            var kept = BoxSuppression.Keep(boxes, b => b.Box, b => b.Score, limit);

            // Marks what is suppressed, one box after the other, instead of collecting what is kept.
            int[] order = [.. Enumerable.Range(0, boxes.Length).OrderBy(i => (-boxes[i].Score, i))];
            var isGone = new bool[boxes.Length];
            for (var i = 0; i < order.Length; i++)
                for (var j = i + 1; j < order.Length; j++)
                    isGone[order[j]] |= !isGone[order[i]] && Iou(boxes[order[i]].Box, boxes[order[j]].Box) > limit;
            Assert.Equal(order.Where(i => !isGone[i]).Select(i => boxes[i]), kept);
        }

        // An IoU that is just the limit is not above it.
        (PixelBox, float)[] halves = [(new(0, 0, 10, 10), 1), (new(0, 0, 5, 10), 0)];
        Assert.Equal(2, BoxSuppression.Keep(halves, b => b.Item1, b => b.Item2, 0.5f).Count);
        Assert.Single(BoxSuppression.Keep(halves, b => b.Item1, b => b.Item2, 0.49f));

        PixelBox Box()
        {
            var (left, top) = (random.Next(20), random.Next(20));
            return new PixelBox(left, top, left + random.Next(15), top + random.Next(15));
        }
    }

    [Fact]
    public void Small_regions_are_gone_and_clean_masks_come_first()
    {
        var picture = ImagePredictorTests.Picture();
        var options = Everything with { MinRegionArea = 40 };
        var rough = new AutomaticMaskGenerator(mini.Model, Everything).Generate(picture);
        var clean = new AutomaticMaskGenerator(mini.Model, options).Generate(picture);
        Assert.NotEmpty(clean);
        Assert.True(clean.Count <= rough.Count);
        Assert.NotEqual(rough.Select(Text), clean.Select(Text));
        foreach (var mask in clean)
        {
            byte[] before = mask.Mask.ToPixels(), after = [.. before];
            MaskCleanup.Apply(after, Width, Height, new MaskCleanupOptions(39, 39));
            Assert.Equal(before, after);
            Assert.InRange(mask.Area, 40, Width * Height);
        }
    }

    [Theory]
    [InlineData("0 points per side", 0)]
    [InlineData("6 layers", 1)]
    [InlineData("MinPredictedIou", 2)]
    [InlineData("MaxCropBoxIou", 3)]
    [InlineData("overlap by 1", 4)]
    [InlineData("-1 pixels", 5)]
    [InlineData("stability offset", 6)]
    [InlineData("0 times coarser", 7)]
    public void Options_that_make_no_sense_are_refused(string words, int which)
    {
        AutomaticMaskOptions usual = new();
        AutomaticMaskOptions[] bad =
        [
            usual with { PointsPerSide = 0 }, usual with { CropLayers = 6 }, usual with { MinPredictedIou = 1.1f },
            usual with { MaxCropBoxIou = float.NaN }, usual with { CropOverlap = 1 }, usual with { MinRegionArea = -1 },
            usual with { StabilityOffset = float.NaN }, usual with { CropPointsDownscale = 0 },
        ];
        Assert.Contains(words, Assert.Throws<ArgumentException>(() => new AutomaticMaskGenerator(mini.Model, bad[which])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_and_a_second_caller()
    {
        var generator = new AutomaticMaskGenerator(mini.Model, Everything);
        var picture = ImagePredictorTests.Picture();
        var expected = generator.Generate(picture);
        var held = mini.Device.Counters.HeldBytes;
        using var source = new CancellationTokenSource();
        Exception? met = null;
        using (new OpHook(mini.Device, op =>
        {
            if (op != 400) return;
            met = Record.Exception(() => generator.Generate(picture));
            source.Cancel();
        }))
        {
            Assert.ThrowsAny<OperationCanceledException>(() => generator.Generate(picture, null, source.Token));
        }

        Assert.Contains("mask generator is at work", Assert.IsType<InvalidOperationException>(met).Message, StringComparison.Ordinal);
        Assert.Equal(held, mini.Device.Counters.HeldBytes);
        Assert.Equal(expected.Select(Text), generator.Generate(picture).Select(Text));
    }

    /// <summary>Predicted IoU and logits of all masks at all points, row by row.</summary>
    private List<(float Iou, float[] Logits)> Asked(RgbImage picture, int side, bool multimask)
    {
        var predictor = new ImagePredictor(mini.Model);
        using var image = predictor.Encode(picture);
        ImagePrompt[] prompts =
        [
            .. from y in Enumerable.Range(0, side)
               from x in Enumerable.Range(0, side)
               select new ImagePrompt { Points = [new((x + 0.5f) / side * picture.Width, (y + 0.5f) / side * picture.Height)] },
        ];
        return
        [
            .. predictor.Predict(image, prompts, new ImagePredictOptions { Multimask = multimask, Logits = true })
                .SelectMany(p => p.Masks).Select(m => (m.PredictedIou, m.Logits!)),
        ];
    }

    private static PixelBox? BoxOf(byte[] mask, int width)
    {
        int[] set = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i] != 0)];
        return set.Length == 0 ? null : new PixelBox(set.Min(i => i % width), set[0] / width, set.Max(i => i % width), set[^1] / width);
    }

    /// <summary>Counts cells between pixel centres.</summary>
    private static double Iou(PixelBox a, PixelBox b)
    {
        HashSet<(int, int)> Cells(PixelBox box) =>
            [.. from x in Enumerable.Range(box.Left, box.Right - box.Left) from y in Enumerable.Range(box.Top, box.Bottom - box.Top) select (x, y)];
        var (one, other) = (Cells(a), Cells(b));
        var shared = one.Count(other.Contains);
        return (float)shared / (one.Count + other.Count - shared);
    }

    private static string Text(GeneratedMask mask) => $"{mask.PredictedIou} {mask.Stability} {mask.Box} {mask.Point} {mask.Crop} {string.Join(' ', mask.Mask.Runs)}";

    private sealed class Reports : IProgress<SegmentProgress>
    {
        public List<SegmentProgress> All { get; } = [];

        public void Report(SegmentProgress value) => All.Add(value);
    }
}
