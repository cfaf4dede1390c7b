using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Parts;

/// <summary>
/// A whole model on a device, cut into the parts that are timed one by one. Weights and inputs are made by rule, and every part is a pure
/// function of them: the peer's outputs can be compared with ours.
/// </summary>
internal sealed class ModelParts : IDisposable
{
    private const int Frames = 5;

    /// <summary>Frames of a clip that shows all that a clip does in little time: the second frame has a memory.</summary>
    private const int ShortClip = 2;

    private const int FrameHeight = 360;
    private const int FrameWidth = 640;

    private static readonly SelectionOptions Selection = new() { Multimask = true };

    private readonly Device device;
    private readonly AuralSam2Model model;
    private readonly Sam2Network sam2;
    private readonly AuralFuser fuser;
    private readonly int size;
    private readonly int grid;
    private readonly List<IDisposable> inputs = []; // of the part that was yielded last

    /// <summary>Loads a model.</summary>
    /// <param name="device">Where.</param>
    /// <param name="name">Its size.</param>
    public ModelParts(Device device, string name)
    {
        this.device = device;
        model = AuralSam2Model.Load(device, name, new RuleWeights());
        (sam2, fuser) = (model.Network.Sam2, model.Network.Fuser);
        (size, grid) = (model.ImageSize, sam2.Config.Grid);
    }

    /// <summary>The parts, in the order in which a clip meets them. Each has its inputs until the next is asked for.</summary>
    /// <param name="isWanted">Says by its name whether a part is made.</param>
    public IEnumerable<Part> All(Func<string, bool> isWanted)
    {
        (string Name, Func<Func<Tensor[]>> Load)[] parts =
        [
            ($"image encoder {model.Name}", ImageEncoder),
            .. device is EmulatorDevice ? [] : AfterEncoder(), // VGGish and the clip would take it minutes
        ];
        foreach (var (name, load) in parts.Where(part => isWanted(part.Name)))
        {
            yield return Part.Of(name, load());
            Forget();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        model.Dispose();
    }

    private (string Name, Func<Func<Tensor[]>> Load)[] AfterEncoder() =>
    [
        ("VGGish 5 s", Vggish),
        ("AuralFuser 5 frames", Fuser),
        ("mask decoder", MaskDecoder),
        ("click on an encoded image", Click),
        ("memory attention, 7 memories", MemoryAttention),
        ("tracked frame, 1 memory", () => TrackedFrame(framesBefore: 0)),
        ("tracked frame, 7 memories", () => TrackedFrame(framesBefore: MemoryBank.MaxPointers - 1)),
        ($"clip of {Frames} frames, model {model.Name}", () => Clip(Frames)),
        ($"clip of {ShortClip} frames, model {model.Name}", () => Clip(ShortClip)),
    ];

    /// <summary>An image to the pyramid.</summary>
    private Func<Tensor[]> ImageEncoder()
    {
        var image = Noise("input.image", 2, size, size, 3);
        return () => sam2.ImageEncoder.Forward(image);
    }

    /// <summary>Log-mel examples of both channels of five seconds, <c>[10, 96, 64, 1]</c>, to embeddings <c>[10, 128]</c>.</summary>
    private Func<Tensor[]> Vggish()
    {
        var examples = Noise("bench.examples", 1, 2 * Frames, LogMel.ExampleFrames, LogMel.Bands, 1);
        return () =>
        {
            var embeddings = device.Rent(2 * Frames, Models.Audio.Vggish.EmbeddingChannels);
            fuser.Vggish.Forward(examples, embeddings);
            return [embeddings];
        };
    }

    /// <summary>
    /// The pyramids of all frames and their audio tokens to three fused maps <c>[frames, cells, 256]</c> and three sounds <c>[frames, 256]</c>.
    /// </summary>
    private Func<Tensor[]> Fuser()
    {
        Tensor[] levels = [.. Levels(i => Noise($"bench.level.{i}", 1, Frames, size >> (i + 2), size >> (i + 2), FpnNeck.Channels))];
        var heard = Noise("bench.heard", 1, Frames, AuralFuser.Channels);
        return () =>
        {
            Tensor[] maps = [.. Levels(_ => device.Rent(Frames, grid * grid, AuralFuser.Channels))];
            Tensor[] sounds = [.. Levels(_ => device.Rent(Frames, AuralFuser.Channels))];
            var audio = device.Rent(Frames, AuralFuser.Channels);
            device.Copy(heard, audio);
            for (var i = 0; i < AuralFuser.Levels; i++)
            {
                var cells = maps[i].Reshape(Frames, grid, grid, AuralFuser.Channels);
                for (var t = 0; t < Frames; t++) fuser.PatchEmbed(i, levels[i].At(t), cells.At(t));
            }

            fuser.Forward(maps, audio, sounds);
            return [.. maps, .. sounds];
        };
    }

    /// <summary>
    /// What a click costs: a point becomes a prompt, the prompt four masks <c>[4, 4 grid * 4 grid]</c>, their IoUs <c>[1, 4]</c>, tokens
    /// <c>[4, 256]</c> and the object's logit.
    /// </summary>
    private Func<Tensor[]> MaskDecoder()
    {
        var (features, stride4, stride8) = FrameMaps();
        PromptPoint[] click = [new((0.6f * size) - 0.5f, (0.4f * size) - 0.5f, PointLabel.Positive)];
        return () =>
        {
            var image = device.Rent(features.Rows, FpnNeck.Channels);
            sam2.PromptEncoder.AddDense(features, mask: default, image);
            var decoded = sam2.MaskDecoder.Forward(image, sam2.PromptEncoder.DensePositions, sam2.PromptEncoder.Sparse(click), stride4, stride8);
            return [decoded.Masks.Reshape(Models.Sam2.MaskDecoder.Masks, 16 * grid * grid), decoded.Ious, decoded.MaskTokens, decoded.ObjectLogit];
        };
    }

    /// <summary>
    /// A point on a picture of the input's size that is encoded already, to masks at its size on the host, as <see cref="ImagePredictor"/>
    /// does it. Results: low-resolution logits <c>[3, 4 grid * 4 grid]</c>.
    /// </summary>
    private Func<Tensor[]> Click()
    {
        var predictor = new ImagePredictor(sam2, device, model.Weights);
        var pixels = new byte[size * size * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i * 7) + (i >> 9));
        var image = predictor.Encode(new RgbImage(size, size, pixels));
        inputs.Add(image);
        var click = new ImagePrompt { Points = [new(0.6f * size, 0.4f * size)] };
        return () =>
        {
            var masks = predictor.Predict(image, click).Masks;
            var logits = device.Rent(masks.Count, 16 * grid * grid);
            for (var i = 0; i < masks.Count; i++) device.Upload(masks[i].LowResolution, logits.Slice(i, 1));
            return [logits];
        };
    }

    /// <summary>A frame's map, <c>[cells, 256]</c>, conditioned on seven spatial memories and sixteen object pointers.</summary>
    private Func<Tensor[]> MemoryAttention()
    {
        const int framesBefore = MemoryBank.MaxPointers - 1;
        var features = Noise("bench.features", 1, grid * grid, FpnNeck.Channels);
        var bank = Bank(framesBefore);
        return () => [Condition(features, bank, framesBefore)];
    }

    /// <summary>
    /// A frame that follows others, from its encoded image on: reads the memory, is decoded, and becomes a memory. Results: mask logits
    /// <c>[size, size]</c>, IoUs <c>[1, 3]</c>, object pointer <c>[1, 256]</c>, spatial memory <c>[cells, 64]</c>.
    /// </summary>
    /// <param name="framesBefore">Frames between the conditioning frame and this one: the last six are seen as maps, fifteen as pointers.</param>
    private Func<Tensor[]> TrackedFrame(int framesBefore)
    {
        var (features, stride4, stride8) = FrameMaps();
        var bank = Bank(framesBefore);
        var prompts = new AudioPrompts(
            [.. Levels(i => Noise($"bench.dense.{i}", 1, grid * grid, AuralFuser.Channels))],
            [.. Levels(i => Noise($"bench.sparse.{i}", 1, AuralFuser.Channels))]);
        // Not the decoded mask is remembered but one by rule: a logit that rounds to the other side of 0 would make memories incomparable.
        var remembered = Noise("bench.mask", 1, size, size);
        return () =>
        {
            var memory = new MemoryBank.Entry(
                framesBefore + 1, device.Rent(features.Rows, MemoryEncoder.MemoryChannels), device.Rent(1, FpnNeck.Channels));
            var image = Condition(features, bank, framesBefore);
            sam2.PromptEncoder.AddDense(image, mask: default, image);
            var decoded = sam2.MaskDecoder.Forward(image, sam2.PromptEncoder.DensePositions, sparse: default, stride4, stride8, prompts);
            var selected = sam2.Heads.Select(decoded, Selection);
            sam2.Remember(features, selected with { HighMask = remembered }, memory);
            return [selected.HighMask, selected.Ious, memory.Pointer, memory.Features];
        };
    }

    /// <summary>
    /// Images and their log-mel examples to masks at the size of the frames, on the host, as <see cref="AudioVisualPredictor"/> does
    /// it. Results: the logits that were cut at 0, <c>[frames, height * width]</c>.
    /// </summary>
    private Func<Tensor[]> Clip(int frames)
    {
        Tensor[] images = [.. Enumerable.Range(0, frames).Select(t => Noise($"bench.image.{t}", 2, size, size, 3))];
        var examples = Noise("bench.examples", 1, frames, 2, LogMel.ExampleFrames, LogMel.Bands);
        return () =>
        {
            var logits = device.Rent(frames, FrameHeight * FrameWidth);
            using var window = new ClipWindow(model.Network, frames);
            using var tracker = new SoundingObjectTracker(model.Network, frames);
            for (var t = 0; t < frames; t++) window.Encode(t, images[t]);
            window.Fuse(frames, examples, text: default);
            for (var t = 0; t < frames; t++)
            {
                using var scope = device.Scope();
                var selected = tracker.Track(window, t, t, isConditioning: t == 0, device.Rent(grid * grid, FpnNeck.Channels));
                var answer = logits.Slice(t, 1).Reshape(FrameHeight, FrameWidth);
                Resize.Forward(device, selected.HighMask, answer, ResizeMode.Bilinear);
                _ = Array.ConvertAll(device.Download(answer), logit => logit > 0 ? byte.MaxValue : byte.MinValue);
            }

            return [logits];
        };
    }

    private Tensor Condition(Tensor features, MemoryBank bank, int framesBefore)
    {
        var conditioned = device.Rent(features.Rows, FpnNeck.Channels);
        sam2.Condition(features, bank, framesBefore + 1, MemoryBank.MaxPointers, conditioned);
        return conditioned;
    }

    /// <summary>The memories of the conditioning frame, number 0, and of the frames after it.</summary>
    private MemoryBank Bank(int framesBefore)
    {
        var bank = new MemoryBank(device, sam2.Memory, grid * grid, framesBefore + 1, onlyPastPointers: true);
        inputs.Add(bank);
        for (var frame = 0; frame <= framesBefore; frame++)
        {
            var entry = bank.Add(frame, isConditioning: frame == 0);
            Fill($"bench.memory.{frame}", 1, entry.Features);
            Fill($"bench.pointer.{frame}", 1, entry.Pointer);
        }

        return bank;
    }

    /// <summary>A frame as the decoder gets it: <c>[cells, 256]</c>, <c>[4 grid, 4 grid, 32]</c>, <c>[2 grid, 2 grid, 64]</c>.</summary>
    private (Tensor Features, Tensor Stride4, Tensor Stride8) FrameMaps()
    {
        var (channels4, channels8) = Models.Sam2.MaskDecoder.HighResChannels;
        return (
            Noise("bench.features", 1, grid * grid, FpnNeck.Channels), Noise("bench.stride4", 1, 4 * grid, 4 * grid, channels4),
            Noise("bench.stride8", 1, 2 * grid, 2 * grid, channels8));
    }

    private static IEnumerable<Tensor> Levels(Func<int, Tensor> make) => Enumerable.Range(0, AuralFuser.Levels).Select(make);

    private Tensor Noise(string name, double scale, params ReadOnlySpan<int> shape)
    {
        var tensor = device.AllocateTensor(shape);
        inputs.Add(tensor.Buffer);
        Fill(name, scale, tensor);
        return tensor;
    }

    private void Fill(string name, double scale, Tensor tensor)
    {
        var values = new float[tensor.Length];
        RuleTensor.Fill("", name, 0, scale, values);
        device.Upload(values, tensor);
    }

    private void Forget()
    {
        foreach (var input in inputs) input.Dispose();
        inputs.Clear();
    }
}
