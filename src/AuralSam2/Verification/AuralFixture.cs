using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;

namespace AuralSam2.Verification;

/// <summary>Kind aural: a clip through fuser, decoder and tracking, from one or more conditioning frames.</summary>
internal static partial class AuralFixture
{
    private const double PyramidScale = 1;
    private const double ExampleScale = 3;
    private const double TextScale = 0.5;

    /// <summary>A logit this close to zero may be binarised either way.</summary>
    public const float UndecidedLogit = 1e-4f;

    public static void Run(Device device, StageComparison comparison, CancellationToken cancellation)
    {
        var fixture = comparison.Fixture;
        var frames = fixture.Metadata("T") is { Length: > 0 } told
            ? int.Parse(told, CultureInfo.InvariantCulture)
            : fixture.ShapeOf("fuser.vgg_cat")[0];
        var variant = fixture.Metadata("variant").StartsWith("ref", StringComparison.OrdinalIgnoreCase) ? FuserVariant.Ref : FuserVariant.Avs;
        using var weights = fixture.Weights();
        using var network = AuralSam2Network.Load(
            device, fixture.Sam2(), new FuserConfig(variant, FrameDepths(fixture), AudioDepth(fixture)), weights);
        using var window = new ClipWindow(network, frames);
        using var scope = device.Scope();
        Encode(network, fixture, window, frames, cancellation);

        var examples = device.Rent(frames, 2, LogMel.ExampleFrames, LogMel.Bands);
        device.Upload(fixture.Input("input.spect", ExampleScale, examples.Length), examples);
        Tensor text = default;
        if (variant == FuserVariant.Ref)
        {
            text = device.Rent(AuralFuser.TextTokens, AuralFuser.TextChannels);
            device.Upload(fixture.Input("input.text", TextScale, text.Length), text);
        }

        window.Fuse(frames, examples, text, comparison.Observer(), cancellation: cancellation);
        foreach (var conditioning in fixture.Stages
            .Select(s => ConditioningFrame().Match(s)).Where(m => m.Success)
            .Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).Distinct())
        {
            cancellation.ThrowIfCancellationRequested();
            Track(network, comparison, window, frames, conditioning);
        }
    }

    private static int[] FrameDepths(Fixture fixture) => fixture.Metadata("f_depths") is { Length: > 0 } told
        ? JsonSerializer.Deserialize<int[]>(told)!
        : [.. Enumerable.Range(0, AuralFuser.Levels).Select(level => Blocks(fixture, $"fuser.l{level}.f"))];

    private static int AudioDepth(Fixture fixture) =>
        Blocks(fixture, "fuser.l0.a") is > 0 and var stored ? stored : FuserConfig.Published().AudioDepth;

    /// <summary>Stages whose name is the prefix and a number.</summary>
    private static int Blocks(Fixture fixture, string prefix) =>
        fixture.Stages.Count(s =>
            s.StartsWith(prefix, StringComparison.Ordinal) &&
            int.TryParse(s.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out _));

    /// <summary>Small fixtures start from images, large ones from a pyramid.</summary>
    private static void Encode(AuralSam2Network network, Fixture fixture, ClipWindow window, int frames, CancellationToken cancellation)
    {
        var (device, size) = (network.Device, network.Sam2.Config.ImageSize);
        if (!fixture.Mentions("input.fpn"))
        {
            var video = fixture.Map("input.video", ImageEncoderFixture.ImageScale, frames, 3, size);
            for (var t = 0; t < frames; t++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = device.Scope();
                var image = device.Rent(size, size, 3);
                device.Upload(video.AsSpan(t * (int)image.Length, (int)image.Length), image);
                window.Encode(t, image);
            }

            return;
        }

        var pyramid = new float[3][];
        for (var level = 0; level < 3; level++)
            pyramid[level] = fixture.Map($"input.fpn.{level}", PyramidScale, frames, FpnNeck.Channels, size >> (level + 2));
        for (var t = 0; t < frames; t++)
        {
            using var scope = device.Scope();
            var levels = new Tensor[3];
            for (var level = 0; level < 3; level++)
            {
                levels[level] = device.Rent(size >> (level + 2), size >> (level + 2), FpnNeck.Channels);
                device.Upload(pyramid[level].AsSpan(t * (int)levels[level].Length, (int)levels[level].Length), levels[level]);
            }

            window.Take(t, levels);
        }
    }

    private static void Track(AuralSam2Network network, StageComparison comparison, ClipWindow window, int frames, int conditioning)
    {
        var device = network.Device;
        using var tracker = new SoundingObjectTracker(network, frames);
        comparison.DownstreamOfUndecided = false;
        foreach (var t in Enumerable.Range(0, frames).Where(t => t != conditioning).Prepend(conditioning))
        {
            using var scope = device.Scope();
            var grid = network.Sam2.Config.Grid;
            var (prefix, observe) = ($"cond{conditioning}.frame{t}.", comparison.Observer($"cond{conditioning}.frame{t}."));
            var conditioned = device.Rent(grid * grid, FpnNeck.Channels);
            var selected = tracker.Track(window, t, t, t == conditioning, conditioned);
            observe("pix_feat_with_mem", conditioned.Reshape(grid, grid, FpnNeck.Channels), StageLayout.Map);
            observe("low_multi", selected.LowMasks);
            comparison.Compare(prefix + "ious", device.Download(selected.Ious));
            observe("pred_masks", selected.LowMask);
            observe("pred_masks_high_res", selected.HighMask);
            observe("obj_ptr", selected.Pointer);
            comparison.Compare(prefix + "obj", device.Download(selected.ObjectLogit));

            // From here on everything depends on the mask, cut at zero.
            var undecided = Undecided(device, selected.HighMask);
            comparison.UndecidedPixels += undecided;
            comparison.DownstreamOfUndecided |= undecided > 0;
            observe("maskmem_features", tracker.MemoryOf(t).Features.Reshape(grid, grid, MemoryEncoder.MemoryChannels), StageLayout.Map);
        }
    }

    private static long Undecided(Device device, Tensor mask)
    {
        var logits = new float[mask.Length];
        device.Download(mask, logits);
        return logits.LongCount(l => Math.Abs(l) < UndecidedLogit);
    }

    [GeneratedRegex(@"^cond(\d+)\.")]
    private static partial Regex ConditioningFrame();
}
