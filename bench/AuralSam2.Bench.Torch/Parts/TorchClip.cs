using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>A whole clip: pictures and log-mel examples to masks at the size of the frames.</summary>
internal sealed class TorchClip
{
    private const int Channels = 256;

    private readonly TorchImageEncoder encoder;
    private readonly TorchVggish vggish;
    private readonly TorchFuser fuser;
    private readonly TorchTracker tracker;

    public TorchClip(TrunkShape shape, int imageSize, PeerParameters parameters)
    {
        encoder = new TorchImageEncoder(shape, imageSize, parameters);
        vggish = new TorchVggish(parameters);
        fuser = new TorchFuser(imageSize / 16, parameters);
        tracker = new TorchTracker(imageSize, parameters);
    }

    /// <summary>Segments.</summary>
    /// <param name="images">Per frame <c>[1, 3, size, size]</c>.</param>
    /// <param name="examples"><c>[2 frames, 96, 64, 1]</c>: left and right of each frame.</param>
    /// <param name="height">Of the frames.</param>
    /// <param name="width">Of the frames.</param>
    /// <returns>Logits <c>[frames, height * width]</c> and masks of the same shape, 0 or 255; the caller disposes them.</returns>
    public (Tensor Logits, Tensor Masks) Forward(Tensor[] images, Tensor examples, int height, int width)
    {
        using var scope = NewDisposeScope();
        var frames = images.Select(Encode).ToArray();
        Tensor[] patches = [.. Enumerable.Range(0, 3).Select(level => cat([.. frames.Select(frame => frame.Patches[level])]))];
        foreach (var patch in frames.SelectMany(frame => frame.Patches)) patch.Dispose();
        var fused = fuser.Forward(patches, vggish.Forward(examples).view(images.Length, Channels));

        var logits = new Tensor[images.Length];
        PeerMemory? conditioning = null;
        List<PeerMemory> before = [];
        for (var t = 0; t < images.Length; t++)
        {
            using var frameScope = NewDisposeScope();
            var (features, stride4, stride8, _) = frames[t];
            var prompts = new PeerPrompts([.. fused[..3].Select(map => map[t])], [.. fused[3..].Select(sound => sound[t])]);
            var conditioned = conditioning is null ? tracker.Start(features) : tracker.Condition(features, conditioning, before);
            var answer = tracker.Choose(tracker.Decoder.Forward(conditioned, points: null, stride4, stride8, prompts));
            var memory = new PeerMemory(
                tracker.Remember(features, answer.Mask).MoveToOuterDisposeScope(), answer.Pointer.MoveToOuterDisposeScope());
            if (conditioning is null) conditioning = memory;
            else before.Add(memory);
            logits[t] = TorchTracker.Resize(answer.Mask, height, width).view(1, -1).MoveToOuterDisposeScope();
        }

        var all = cat(logits);
        return (all.MoveToOuterDisposeScope(), all.gt(0).to(ScalarType.Byte).mul_(255).MoveToOuterDisposeScope());
    }

    /// <summary>What is kept of a frame: the stride-16 map, the decoder's maps, and the levels on the fuser's grid.</summary>
    private Encoded Encode(Tensor image)
    {
        using var scope = NewDisposeScope();
        var levels = encoder.Forward(image);
        var (stride4, stride8) = tracker.Decoder.HighResolution(levels);
        Tensor[] patches = [.. levels.Select((map, level) => fuser.PatchEmbed(level, map).MoveToOuterDisposeScope())];
        var features = levels[2].view(-1, Channels);
        foreach (var kept in (Tensor[])[features, stride4, stride8]) kept.MoveToOuterDisposeScope();
        return new Encoded(features, stride4, stride8, patches);
    }

    private sealed record Encoded(Tensor Features, Tensor Stride4, Tensor Stride8, Tensor[] Patches);
}
