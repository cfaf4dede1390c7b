using AuralSam2.Media;
using AuralSam2.PostProcessing;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>
/// Finds everything in a picture that looks like an object, as SAM2's own generator does: asks about a grid of points and keeps what
/// the decoder trusts, what is stable, and of masks in the same place the best.
/// </summary>
/// <remarks>
/// Not thread-safe, as the device serves one caller at a time: a call while another is at work throws
/// <see cref="InvalidOperationException"/>.
/// </remarks>
public sealed class AutomaticMaskGenerator
{
    private readonly ImagePredictor predictor;
    private readonly AutomaticMaskOptions options;
    private readonly Turn turn = new("mask generator");

    /// <summary>A generator.</summary>
    /// <param name="model">SAM2; must outlive the generator.</param>
    /// <param name="options">What is asked and kept; null is as SAM2's own.</param>
    /// <exception cref="ArgumentException">Options that make no sense.</exception>
    public AutomaticMaskGenerator(Sam2Model model, AutomaticMaskOptions? options = null)
    {
        predictor = new ImagePredictor(model);
        this.options = options ?? new AutomaticMaskOptions();
        this.options.Ensure();
    }

    /// <summary>Finds the masks of a picture.</summary>
    /// <param name="picture">Any size.</param>
    /// <param name="progress">Told before every point.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <returns>Those with the highest predicted IoU first; of equals by part of the picture, point, and mask of the decoder. The same for
    /// the same picture.</returns>
    /// <exception cref="InvalidOperationException">The generator is at work in another call.</exception>
    /// <exception cref="WeightsException">The weights produce values that are no numbers.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IReadOnlyList<GeneratedMask> Generate(
        RgbImage picture, IProgress<SegmentProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var lease = turn.Take();
        var crops = CropPlan.Boxes(picture.Width, picture.Height, options);
        var total = crops.Sum(crop => CropPlan.Grid(crop.Layer, options).Count);
        var (found, done) = (new List<GeneratedMask>(), 0);
        foreach (var (box, layer) in crops)
        {
            var candidates = new List<GeneratedMask>();
            using var part = new Part(predictor, picture, box, options, cancellation);
            foreach (var (x, y) in CropPlan.Grid(layer, options))
            {
                progress?.Report(new SegmentProgress("segmenting", done++, total));
                part.Ask(x, y, candidates);
            }

            found.AddRange(BoxSuppression.Keep(candidates, mask => mask.Box, mask => mask.PredictedIou, options.MaxBoxIou));
        }

        if (crops.Count > 1) found = BoxSuppression.Keep(found, mask => mask.Box, mask => 1f / Extent(mask.Crop), options.MaxCropBoxIou);
        if (options.MinRegionArea > 0) found = Cleaned(found);
        return [.. found.OrderByDescending(mask => mask.PredictedIou)];
    }

    /// <summary>Without small regions; where two masks now are in the same place, one that was clean before is kept.</summary>
    private List<GeneratedMask> Cleaned(List<GeneratedMask> masks)
    {
        var cleanup = new MaskCleanupOptions(options.MinRegionArea - 1, options.MinRegionArea - 1);
        var cleaned = new List<(GeneratedMask Mask, bool IsAsBefore)>();
        foreach (var mask in masks)
        {
            byte[] before = mask.Mask.ToPixels(), pixels = [.. before];
            MaskCleanup.Apply(pixels, mask.Mask.Width, mask.Mask.Height, cleanup);
            var runs = RunLengthMask.Of(pixels, mask.Mask.Width, mask.Mask.Height);
            if (runs.Area > 0) cleaned.Add((mask with { Mask = runs }, pixels.AsSpan().SequenceEqual(before)));
        }

        var maxIou = Math.Max(options.MaxBoxIou, options.MaxCropBoxIou);
        return BoxSuppression.Keep(cleaned, c => c.Mask.Box, c => c.IsAsBefore ? 1 : 0, maxIou).ConvertAll(c => c.Mask);
    }

    private static float Extent(PixelBox crop) => (float)(crop.Right - crop.Left + 1) * (crop.Bottom - crop.Top + 1);

    /// <summary>A part of a picture, encoded.</summary>
    private sealed class Part : IDisposable
    {
        private readonly ImagePredictor predictor;
        private readonly AutomaticMaskOptions options;
        private readonly CancellationToken cancellation;
        private readonly PixelBox box;
        private readonly EncodedImage encoded;
        private readonly (int Width, int Height) picture;
        private readonly float[] logits; // of one mask: [part height, part width]
        private readonly byte[] pixels; // of the same mask: [picture height, picture width], 0 outside of the part

        public Part(ImagePredictor predictor, RgbImage picture, PixelBox box, AutomaticMaskOptions options, CancellationToken cancellation)
        {
            (this.predictor, this.box, this.options, this.cancellation) = (predictor, box, options, cancellation);
            this.picture = (picture.Width, picture.Height);
            var image = Crop(picture, box);
            (logits, pixels) = (new float[image.Width * image.Height], new byte[picture.Width * picture.Height]);
            encoded = predictor.Encode(image, cancellation);
        }

        public void Dispose() => encoded.Dispose();

        /// <summary>Asks about a point.</summary>
        /// <param name="x">In shares of the part's width.</param>
        /// <param name="y">In shares of the part's height.</param>
        /// <param name="found">Receives masks that are trusted, stable and whole.</param>
        public void Ask(float x, float y, List<GeneratedMask> found)
        {
            var point = new VideoPoint(x * encoded.Width, y * encoded.Height);
            var shown = new VideoPoint(box.Left + point.X, box.Top + point.Y);
            predictor.Offer(encoded, point, options.Multimask, options.MinPredictedIou, logits, Take, cancellation);

            void Take(float iou)
            {
                var stability = MaskThreshold.Stability(logits, options.StabilityOffset);
                if (options.MinStability > 0 && !(stability >= options.MinStability)) return;
                for (var row = 0; row < encoded.Height; row++)
                {
                    var target = pixels.AsSpan(((box.Top + row) * picture.Width) + box.Left, encoded.Width);
                    MaskThreshold.Above(logits.AsSpan(row * encoded.Width, encoded.Width), 0, target);
                }

                var mask = RunLengthMask.Of(pixels, picture.Width, picture.Height);
                if (mask.Box is not { } place || CropPlan.IsCutOff(place, box, picture.Width, picture.Height)) return;
                found.Add(new GeneratedMask(mask, iou, stability, shown, box));
            }
        }

        private static RgbImage Crop(RgbImage picture, PixelBox box)
        {
            var (width, height) = (box.Right - box.Left + 1, box.Bottom - box.Top + 1);
            if ((width, height) == (picture.Width, picture.Height)) return picture;
            var pixels = new byte[width * height * ImageNormalizer.Channels];
            for (var y = 0; y < height; y++)
            {
                var start = (((box.Top + y) * picture.Width) + box.Left) * ImageNormalizer.Channels;
                picture.Pixels.AsSpan(start, width * ImageNormalizer.Channels).CopyTo(pixels.AsSpan(y * width * ImageNormalizer.Channels));
            }

            return new RgbImage(width, height, pixels);
        }
    }
}
