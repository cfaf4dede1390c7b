using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;

namespace AuralSam2.Verification;

/// <summary>
/// Kind video: whole sessions with SAM2's video predictor. A scenario's name says what is shown first (pt, box, mask; two: a point, and a
/// box for a second object) and that it runs on SAM2 2.0 (sam20); its stages say when a second prompt came (prompt1: before the first
/// propagation, or between p0 and p1) and in which order frames were tracked.
/// </summary>
internal static partial class VideoFixture
{
    /// <summary>Error allowed in memories, which are stored as bfloat16, beyond one of its steps.</summary>
    private const double MemoryBudget = 1e-3;

    /// <summary>A logit this close to zero may be binarised either way.</summary>
    private const float UndecidedLogit = 1e-4f;

    /// <summary>Frame that is prompted where the first prompt is not on frame 0: a box that is followed backwards, a
    /// correction.</summary>
    private const int LaterFrame = 3;

    private const float DiscRadius = 25;

    /// <summary>Frames of the size for which the prompts below are.</summary>
    private const float UsualWidth = 120;
    private const float UsualHeight = 96;

    // What the scenarios show, in pixels of the video; fixtures do not store it. Found by decoding every possible click, pair of clicks and box.
    private static readonly VideoPoint[] Click = [new(50, 40)];
    private static readonly VideoPoint[] Correction = [new(70, 60), new(20, 20, IsOnObject: false)];
    private static readonly VideoBox Box = new(20, 15, 90, 80);

    public static void Run(Device device, StageComparison comparison, CancellationToken cancellation)
    {
        var fixture = comparison.Fixture;
        string[] scenarios =
        [
            .. fixture.Stages.Select(s => PromptStage().Match(s)).Where(m => m.Success).Select(m => m.Groups[1].Value).Distinct(),
        ];
        foreach (var isOld in (bool[])[false, true])
        {
            string[] own = [.. scenarios.Where(s => s.EndsWith("sam20", StringComparison.Ordinal) == isOld)];
            if (own.Length == 0) continue;
            var config = fixture.Sam2();
            if (isOld) config = config with { Version = Sam2Version.V20 };
            using var weights = fixture.Weights();
            using var model = Sam2Model.Load(device, config, weights);
            foreach (var scenario in own)
            {
                using var images = new RuleImages(device, fixture, config.ImageSize, scenario);
                using var session = new VideoPredictor(model).Session(images, framesPerSecond: 1, sound: null, rememberEveryFrame: true);
                new Replay(device, comparison, session, scenario, images, config.ImageSize).Run(cancellation);
            }

            var grid = config.Grid;
            comparison.Compare(
                "maskmem_pos_enc", PositionEncoding.Sine2D(grid, grid, MemoryEncoder.MemoryChannels), StageLayout.Map,
                new Shape(grid, grid, MemoryEncoder.MemoryChannels), 0);
        }
    }

    /// <summary>One scenario, compared as it goes.</summary>
    private sealed class Replay(Device device, StageComparison comparison, VideoSession session, string scenario, RuleImages images, int size)
    {
        /// <summary>Prompts keep their place in a larger video, and are drawn together with a smaller one.</summary>
        private readonly float across = Math.Min(1, images.Width / UsualWidth);
        private readonly float down = Math.Min(1, images.Height / UsualHeight);

        public void Run(CancellationToken cancellation)
        {
            comparison.DownstreamOfUndecided = false;
            int[] first = TrackedFrames(0);
            var reverse = first.Length > 1 && first[1] < first[0];
            Show(First(reverse ? LaterFrame : 0), "prompt0");
            if (comparison.Stores($"{scenario}.prompt0b.masks")) Show(new VideoPrompt(0, 2) { Box = Placed(Box) }, "prompt0b");
            var correction = new VideoPrompt(LaterFrame) { Points = Placed(Correction) };
            int[] second = TrackedFrames(1);
            if (second.Length == 0 && comparison.Stores($"{scenario}.prompt1.masks")) Show(correction, "prompt1");
            Propagate("p0", reverse, cancellation);
            if (second.Length == 0) return;
            Show(correction, "prompt1");
            Propagate("p1", reverse: false, cancellation);
        }

        private VideoPrompt First(int frame) => scenario switch
        {
            _ when scenario.StartsWith("box", StringComparison.Ordinal) => new VideoPrompt(frame) { Box = Placed(Box) },
            _ when scenario.StartsWith("mask", StringComparison.Ordinal) => new VideoPrompt(frame) { Mask = Disc() },
            _ => new VideoPrompt(frame) { Points = Placed(Click) },
        };

        private VideoPoint[] Placed(VideoPoint[] points) => [.. points.Select(p => p with { X = p.X * across, Y = p.Y * down })];

        private VideoBox Placed(VideoBox box) => new(box.Left * across, box.Top * down, box.Right * across, box.Bottom * down);

        /// <summary>A disc in the middle of the frame.</summary>
        private byte[] Disc()
        {
            var mask = new byte[images.Width * images.Height];
            var radius = DiscRadius * Math.Min(across, down);
            for (var i = 0; i < mask.Length; i++)
            {
                int x = (i % images.Width) - (images.Width / 2), y = (i / images.Width) - (images.Height / 2);
                if ((x * x) + (y * y) < radius * radius) mask[i] = 1;
            }

            return mask;
        }

        /// <summary>Frames of a propagation, in the order in which they were tracked.</summary>
        private int[] TrackedFrames(int propagation) =>
        [
            .. comparison.Fixture.Stages
                .Select(s => Regex.Match(s, $@"^{Regex.Escape(scenario)}\.p{propagation}\.f(\d+)\.video_res_masks$")).Where(m => m.Success)
                .Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).Distinct(),
        ];

        private void Show(VideoPrompt prompt, string name)
        {
            session.Prompt(prompt);
            using var scope = device.Scope();
            comparison.Compare($"{scenario}.{name}.masks", Masks(prompt.Frame));
            // From here on everything depends on the mask at input size, cut at zero.
            var high = device.Rent(size, size);
            Resize.Forward(device, session.Answer(prompt.ObjectId, prompt.Frame)!.Value.Mask, high, ResizeMode.Bilinear);
            var undecided = device.Download(high).LongCount(l => Math.Abs(l) < UndecidedLogit);
            comparison.UndecidedPixels += undecided;
            comparison.DownstreamOfUndecided |= undecided > 0;
        }

        private void Propagate(string name, bool reverse, CancellationToken cancellation)
        {
            foreach (var frame in session.PropagateAsync(new PropagateOptions { Reverse = reverse }, null, cancellation).ToBlockingEnumerable(cancellation))
            {
                using var scope = device.Scope();
                var prefix = $"{scenario}.{name}.f{frame.Index}.";
                comparison.Compare(prefix + "video_res_masks", Masks(frame.Index));
                for (var i = 0; i < session.ObjectIds.Count; i++)
                    if (session.Answer(session.ObjectIds[i], frame.Index) is { } entry) Compare($"{prefix}obj{i}.", entry);
            }
        }

        private void Compare(string prefix, in MemoryBank.Entry entry)
        {
            var observe = comparison.Observer(prefix);
            observe("pred_masks", entry.Mask);
            observe("obj_ptr", entry.Pointer);
            observe("object_score_logits", entry.ObjectLogit);
            var grid = (int)Math.Sqrt(entry.Features.Rows);
            var budget = comparison.Budget;
            (comparison.Budget, comparison.IsRoundedToBFloat16) = (MemoryBudget, true);
            observe("maskmem_features", entry.Features.Reshape(grid, grid, MemoryEncoder.MemoryChannels), StageLayout.Map);
            (comparison.Budget, comparison.IsRoundedToBFloat16) = (budget, false);
        }

        /// <summary>Logits of all objects at the size of the video.</summary>
        private float[] Masks(int frame) =>
            [.. session.ObjectIds.SelectMany(id => session.Answer(id, frame) is { } entry ? device.Download(session.FullSize(entry.Mask)) : [])];
    }

    /// <summary>Frames by the rule, at the size of the network's input.</summary>
    private sealed class RuleImages : FrameImages
    {
        private readonly Device device;
        private readonly float[] video;
        private readonly Tensor image;

        public RuleImages(Device device, Fixture fixture, int size, string scenario)
        {
            this.device = device;
            var shape = fixture.ShapeOf($"{scenario}.prompt0.masks");
            (Height, Width) = (shape[^2], shape[^1]);
            Arrived = fixture.Find(VideoShape()) is { Success: true } told
                ? int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture)
                : fixture.Stages.Select(s => FrameStage().Match(s)).Where(m => m.Success)
                    .Max(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)) + 1;
            video = fixture.Map("input.video", ImageEncoderFixture.ImageScale, Arrived, ImageChannels, size);
            image = device.AllocateTensor(size, size, ImageChannels);
        }

        private const int ImageChannels = Media.ImageNormalizer.Channels;

        public override int? Count => Arrived;

        public override int Width { get; }

        public override int Height { get; }

        public override int Arrived { get; }

        public override ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation) => new(frame >= 0 && frame < Arrived);

        public override Tensor Begin(int frame, int following)
        {
            device.Upload(video.AsSpan(frame * (int)image.Length, (int)image.Length), image);
            return image;
        }

        public override void Dispose() => image.Buffer.Dispose();
    }

    [GeneratedRegex(@"^(\w+)\.prompt0\.masks$")]
    private static partial Regex PromptStage();

    [GeneratedRegex(@"\.p\d+\.f(\d+)\.")]
    private static partial Regex FrameStage();

    [GeneratedRegex(@"input\.video\s*[(\[]\s*(\d+)\s*,")]
    private static partial Regex VideoShape();
}
