using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>
/// The parts of the model that are raced, by the names that they have on this engine's side, where inputs and outputs are described. Both
/// sides make weights and inputs by the same rule, so that a part is a pure function and its outputs can be compared.
/// </summary>
internal static class PeerParts
{
    private const int ImageSize = 1024;
    private const int Grid = ImageSize / 16;
    private const int Cells = Grid * Grid;
    private const int Channels = 256;
    private const int Frames = 5;
    private const int FrameHeight = 360;
    private const int FrameWidth = 640;

    private const string TrainingStep = "AuralFuser training step, 5 frames";

    /// <summary>All of them, in the order in which a clip meets them.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. TrunkShape.Models.Select(model => $"trunk {model}"), .. TrunkShape.Models.Select(model => $"image encoder {model}"),
        "VGGish 5 s", "AuralFuser 5 frames", TrainingStep, "mask decoder", "memory attention, 7 memories",
        "tracked frame, 1 memory", "tracked frame, 7 memories", "clip of 5 frames, model t", "clip of 2 frames, model t",
    ];

    /// <summary>Loads a part.</summary>
    /// <param name="part">One of <see cref="Names"/>.</param>
    /// <param name="type">Float32; the trunks also run in bfloat16.</param>
    /// <exception cref="ArgumentException">There is no such part, or not in this type.</exception>
    public static IPeerPart Create(string part, ScalarType type)
    {
        if (type != ScalarType.Float32 && !part.StartsWith("trunk ", StringComparison.Ordinal))
            throw new ArgumentException($"'{part}' runs in float32 only");
        if (part == TrainingStep) return new PeerTrainingStep();
        using var inference = inference_mode();
        using var scope = NewDisposeScope(); // what loading leaves behind; parameters own what stays
        var parameters = new PeerParameters(type);
        return new PeerPart(parameters, part.Split(' ') switch
        {
            ["trunk", var model] => Trunk(TrunkShape.Of(model), parameters),
            ["image", "encoder", var model] => ImageEncoder(TrunkShape.Of(model), parameters),
            ["VGGish", "5", "s"] => Vggish(parameters),
            ["AuralFuser", "5", "frames"] => Fuser(parameters),
            ["mask", "decoder"] => MaskDecoder(parameters),
            ["memory", "attention,", "7", "memories"] => MemoryAttention(parameters),
            ["tracked", "frame,", "1", "memory"] => TrackedFrame(framesBefore: 0, parameters),
            ["tracked", "frame,", "7", "memories"] => TrackedFrame(framesBefore: 15, parameters),
            ["clip", "of", "5", "frames,", "model", var model] => Clip(TrunkShape.Of(model), Frames, parameters),
            ["clip", "of", "2", "frames,", "model", var model] => Clip(TrunkShape.Of(model), frames: 2, parameters),
            _ => throw new ArgumentException($"no part '{part}'; there are {string.Join("; ", Names)}"),
        });
    }

    private static Func<Tensor[]> Trunk(TrunkShape shape, PeerParameters parameters)
    {
        var trunk = new TorchHiera(shape, ImageSize, parameters);
        var image = Image("input.image", parameters);
        return () => [.. trunk.Forward(image)];
    }

    private static Func<Tensor[]> ImageEncoder(TrunkShape shape, PeerParameters parameters)
    {
        var encoder = new TorchImageEncoder(shape, ImageSize, parameters);
        var image = Image("input.image", parameters);
        return () => encoder.Forward(image);
    }

    private static Func<Tensor[]> Vggish(PeerParameters parameters)
    {
        var vggish = new TorchVggish(parameters);
        var examples = parameters.Input("bench.examples", 1, 2 * Frames, 96, 64, 1);
        return () => [vggish.Forward(examples)];
    }

    private static Func<Tensor[]> Fuser(PeerParameters parameters)
    {
        var fuser = new TorchFuser(Grid, parameters);
        Tensor[] levels = [.. Enumerable.Range(0, 3).Select(level => Level(level, parameters))];
        var heard = parameters.Input("bench.heard", 1, Frames, Channels);
        return () => fuser.Forward([.. levels.Select((map, level) => fuser.PatchEmbed(level, map))], heard);
    }

    private static Func<Tensor[]> MaskDecoder(PeerParameters parameters)
    {
        var decoder = new TorchMaskDecoder(Grid, parameters);
        var (features, stride4, stride8) = FrameMaps(parameters);
        return () =>
        {
            var masks = decoder.Forward(features, decoder.Click(0.6f, 0.4f), stride4, stride8, audio: null);
            return [masks.Masks, masks.Ious, masks.Tokens, masks.ObjectLogit];
        };
    }

    private static Func<Tensor[]> MemoryAttention(PeerParameters parameters)
    {
        var tracker = new TorchTracker(ImageSize, parameters);
        var (features, _, _) = FrameMaps(parameters);
        var (conditioning, before) = Memories(15, parameters);
        return () => [tracker.Condition(features, conditioning, before)];
    }

    private static Func<Tensor[]> TrackedFrame(int framesBefore, PeerParameters parameters)
    {
        var tracker = new TorchTracker(ImageSize, parameters);
        var (features, stride4, stride8) = FrameMaps(parameters);
        var (conditioning, before) = Memories(framesBefore, parameters);
        var prompts = new PeerPrompts(
            [.. Enumerable.Range(0, 3).Select(level => parameters.Input($"bench.dense.{level}", 1, Cells, Channels))],
            [.. Enumerable.Range(0, 3).Select(level => parameters.Input($"bench.sparse.{level}", 1, Channels))]);
        var remembered = parameters.Input("bench.mask", 1, ImageSize, ImageSize);
        return () =>
        {
            var conditioned = tracker.Condition(features, conditioning, before);
            var answer = tracker.Choose(tracker.Decoder.Forward(conditioned, points: null, stride4, stride8, prompts));
            return [answer.Mask, answer.Ious, answer.Pointer, tracker.Remember(features, remembered)];
        };
    }

    private static Func<Tensor[]> Clip(TrunkShape shape, int frames, PeerParameters parameters)
    {
        var clip = new TorchClip(shape, ImageSize, parameters);
        Tensor[] images = [.. Enumerable.Range(0, frames).Select(t => Image($"bench.image.{t}", parameters))];
        var examples = parameters.Input("bench.examples", 1, 2 * frames, 96, 64, 1);
        return () => [clip.Forward(images, examples, FrameHeight, FrameWidth).Logits];
    }

    /// <summary>An image by rule, channel-last there, planes here.</summary>
    private static Tensor Image(string name, PeerParameters parameters) =>
        parameters.Own(RuleTensors.Uniform(name, 0, 2, 1, ImageSize, ImageSize, 3).permute(0, 3, 1, 2).contiguous());

    /// <summary>A level of the pyramid of all frames, <c>[frames, h, w, 256]</c>.</summary>
    private static Tensor Level(int level, PeerParameters parameters) =>
        parameters.Input($"bench.level.{level}", 1, Frames, ImageSize >> (level + 2), ImageSize >> (level + 2), Channels);

    private static (Tensor Features, Tensor Stride4, Tensor Stride8) FrameMaps(PeerParameters parameters) => (
        parameters.Input("bench.features", 1, Cells, Channels), parameters.Input("bench.stride4", 1, 4 * Grid, 4 * Grid, 32),
        parameters.Input("bench.stride8", 1, 2 * Grid, 2 * Grid, 64));

    private static (PeerMemory Conditioning, List<PeerMemory> Before) Memories(int before, PeerParameters parameters)
    {
        PeerMemory Memory(int frame) =>
            new(parameters.Input($"bench.memory.{frame}", 1, Cells, 64), parameters.Input($"bench.pointer.{frame}", 1, 1, Channels));
        return (Memory(0), [.. Enumerable.Range(1, before).Select(Memory)]);
    }
}
