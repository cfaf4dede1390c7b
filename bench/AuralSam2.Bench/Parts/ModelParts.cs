using AuralSam2.Bench.Clip;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Parts;

/// <summary>A whole model on a device, on a clip of noise, cut into the parts that are timed one by one.</summary>
internal sealed class ModelParts : IDisposable
{
    private const int Frames = 5;
    private const int SampleRate = 16000;

    /// <summary>Enough for a full memory: all spatial memories and all object pointers.</summary>
    private const int TrackedBefore = MemoryBank.MaxPointers + 1;

    private readonly Device device;
    private readonly AuralSam2Model model;
    private readonly ClipWindow window;
    private readonly List<DeviceBuffer> owned = [];
    private readonly Tensor image;
    private readonly Tensor examples;
    private SoundingObjectTracker? tracker;
    private int tracked;

    /// <summary>Loads a model with weights by rule.</summary>
    /// <param name="device">Where.</param>
    /// <param name="name">Its size.</param>
    public ModelParts(Device device, string name)
    {
        this.device = device;
        model = AuralSam2Model.Load(device, name, new RuleWeights());
        window = new ClipWindow(model.Network, Frames);
        image = Noise("image", model.ImageSize, model.ImageSize, 3);
        examples = Noise("examples", Frames, 2, LogMel.ExampleFrames, LogMel.Bands);
    }

    /// <summary>All parts, in the order in which a clip meets them; a later one needs what an earlier one made.</summary>
    public IEnumerable<Part> All()
    {
        var (sam2, fuser, name) = (model.Network.Sam2, model.Network.Fuser, model.Name);
        yield return new Part($"image encoder {name}", () => sam2.ImageEncoder.Forward(image));
        if (device is EmulatorDevice) yield break; // VGGish, which every later part needs, would take it minutes
        var embeddings = Own(2 * Frames, Vggish.EmbeddingChannels);
        var heard = examples.Reshape(2 * Frames, LogMel.ExampleFrames, LogMel.Bands, 1);
        yield return new Part($"VGGish, {2 * Frames} examples", () => fuser.Vggish.Forward(heard, embeddings));
        yield return Fuser(fuser);
        for (var frame = 0; frame < Frames; frame++) window.Encode(frame, image);
        window.Fuse(Frames, examples, text: default);
        yield return Decoder(sam2);
        yield return new Part("tracked frame, full memory", Track, StartTracking);
        yield return new Part($"clip of {Frames} frames, model {name}", Clip);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        tracker?.Dispose();
        window.Dispose();
        foreach (var buffer in owned) buffer.Dispose();
        model.Dispose();
    }

    private Part Fuser(AuralFuser fuser)
    {
        var cells = fuser.Grid * fuser.Grid;
        Tensor[] patches = [.. Levels(i => Noise($"patches.{i}", Frames, cells, AuralFuser.Channels))];
        Tensor[] maps = [.. Levels(_ => Own(Frames, cells, AuralFuser.Channels))];
        Tensor[] fused = [.. Levels(_ => Own(Frames, AuralFuser.Channels))];
        Tensor heard = Noise("heard", Frames, AuralFuser.Channels), audio = Own(Frames, AuralFuser.Channels);
        return new Part($"AuralFuser, {Frames} frames", () => fuser.Forward(maps, audio, fused), () =>
        {
            for (var i = 0; i < maps.Length; i++) device.Copy(patches[i], maps[i]);
            device.Copy(heard, audio);
        });

        static IEnumerable<Tensor> Levels(Func<int, Tensor> make) => Enumerable.Range(0, AuralFuser.Levels).Select(make);
    }

    private Part Decoder(Sam2Network sam2)
    {
        var features = Own(window.Features(0).Rows, FpnNeck.Channels);
        return new Part(
            "mask decoder",
            () => sam2.MaskDecoder.Forward(
                features, sam2.PromptEncoder.DensePositions, sparse: default, window.Stride4(0), window.Stride8(0), window.Prompts(0)),
            () => device.Copy(window.Features(0), features));
    }

    /// <summary>Fills the memory, once.</summary>
    private void StartTracking()
    {
        if (tracker is not null) return;
        tracker = new SoundingObjectTracker(model.Network, frames: 1000);
        while (tracked < TrackedBefore)
        {
            using var scope = device.Scope();
            Track();
        }
    }

    private void Track()
    {
        var conditioned = device.Rent(window.Features(0).Rows, FpnNeck.Channels);
        tracker!.Track(window, tracked % Frames, tracked, isConditioning: tracked == 0, conditioned);
        tracked++;
    }

    private void Clip()
    {
        using var frames = new NoiseClip(Frames, 640, 360);
        foreach (var _ in new AudioVisualPredictor(model).Segment(frames, NoiseClip.Sound(Frames, SampleRate), new SegmentOptions()))
        {
            // The masks are on the host now.
        }
    }

    private Tensor Own(params ReadOnlySpan<int> shape)
    {
        var tensor = device.AllocateTensor(shape);
        owned.Add(tensor.Buffer);
        return tensor;
    }

    private Tensor Noise(string name, params ReadOnlySpan<int> shape)
    {
        var tensor = Own(shape);
        var values = new float[tensor.Length];
        RuleTensor.Fill("", $"bench.{name}", 0, 1, values);
        device.Upload(values, tensor);
        return tensor;
    }
}
