using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Training;

/// <summary>
/// AuralFuser while it learns (SPEC 10, 11): SAM2 is frozen, VGGish unless asked for; gradients of the masks' losses flow through SAM2's decoder,
/// memory attention and object pointers into the fuser, those of the contrastive loss through its projection heads.
/// </summary>
internal sealed class FuserLearner : ILearner
{
    private const string Prefix = "aural_fuser.";
    private const string VggishPrefix = Prefix + "vgg.";
    private const int MaskTerms = 4;

    private readonly AuralSam2Network network;
    private readonly AudioCon contrast;
    private readonly float dropout;
    private readonly Tape tape;
    private ClipForward? forward;

    /// <summary>Takes over a network that was loaded with <see cref="IsLearned"/>.</summary>
    /// <param name="network">The model; disposed with the learner.</param>
    /// <param name="settings">Dropout, and the form of the contrastive loss.</param>
    public FuserLearner(AuralSam2Network network, TrainingSettings settings)
    {
        this.network = network;
        Device = network.Device;
        dropout = (float)settings.Dropout;
        contrast = new AudioCon(settings.AudioCon, network.FuserConfig.Variant);
        tape = new Tape(Device);
        foreach (var parameter in Parameters) tape.Follow(parameter.Value);
    }

    /// <inheritdoc/>
    public Device Device { get; }

    /// <inheritdoc/>
    public IReadOnlyList<TrainedParameter> Parameters => network.Parameters.Learned;

    /// <inheritdoc/>
    public IReadOnlyList<NamedTensor> Statistics => network.Parameters.Statistics;

    /// <inheritdoc/>
    public bool Checked
    {
        get => tape.Checked;
        set => tape.Checked = value;
    }

    /// <summary>The tape: for those who look at gradients inside the model.</summary>
    internal Tape Tape => tape;

    /// <summary>Bytes that a step holds besides weights and their gradients: saved values, and gradients of activations.</summary>
    public long StepBytes => tape.HeldBytes;

    /// <summary>Tells which parameters learn: all of AuralFuser, its VGGish only on demand.</summary>
    /// <param name="trainVggish">Whether VGGish learns too.</param>
    public static Func<string, bool> IsLearned(bool trainVggish) => name =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && (trainVggish || !name.StartsWith(VggishPrefix, StringComparison.Ordinal));

    /// <inheritdoc/>
    public Tensor Gradient(TrainedParameter parameter) => tape.Gradient(parameter.Value);

    /// <inheritdoc/>
    public bool HasGradient(TrainedParameter parameter) => tape.IsTouched(parameter.Value);

    /// <inheritdoc/>
    public void ZeroGradients() => tape.ZeroGradients();

    /// <inheritdoc/>
    public LossTerms Accumulate(LoadedClip clip, StepRandomness random, double scale)
    {
        var frames = clip.Images.Count;
        using var scope = Device.Scope();
        var room = Room(frames);
        Encode(room, clip);
        var examples = Examples(clip);
        return Learn(room, frames, examples, text: default, clip.Labels, random, scale, new RandomSampler(random.Sampling), look: null);
    }

    /// <summary>Forward and back, from encoded frames.</summary>
    /// <param name="room">Holds the frames' pyramids.</param>
    /// <param name="frames">Frames.</param>
    /// <param name="examples"><c>[frames, 2, 96, 64]</c>.</param>
    /// <param name="text"><c>[25, 768]</c>, or empty.</param>
    /// <param name="labels">One per frame, <c>[size, size]</c> of 0 and 1; null: not supervised.</param>
    /// <param name="random">Of dropout.</param>
    /// <param name="scale">Factor of the gradients.</param>
    /// <param name="sampler">Of the contrastive loss.</param>
    /// <param name="look">Sees values by their names in fixtures while they are recorded; or null.</param>
    internal LossTerms Learn(
        ClipForward room, int frames, Tensor examples, Tensor text, IReadOnlyList<byte[]?> labels, StepRandomness random, double scale,
        ISampler sampler, Action<string, Tensor>? look)
    {
        using var scope = Device.Scope();
        var size = network.Sam2.Config.ImageSize;
        Tensor terms = Device.Rent(MaskTerms), loss = Device.Rent(1), contrasted = Device.Rent(1), target = Device.Rent(size, size);
        var residuals = network.FuserConfig.Variant == FuserVariant.Ref ? Residuals(frames) : null;
        tape.Dropout = new DropoutPlan(dropout, random.Dropout);
        using (tape.Record())
        {
            Device.Fill(terms, 0);
            Device.Fill(loss, 0);
            room.Fuse(tape, frames, examples, text, residuals);
            for (var level = 0; level < AuralFuser.Levels && look is not null; level++)
            {
                look($"feat.{level}", room.Window.Maps(level, frames));
                look($"audio.{level}", room.Window.Audio(level, frames));
            }

            var predictions = new Tensor[frames];
            for (var t = 0; t < frames; t++) predictions[t] = Device.Rent(1, network.Sam2.Config.Grid, network.Sam2.Config.Grid);
            room.Track(frames, ClipForward.ConditioningFrame(frames), (t, tracked) =>
            {
                look?.Invoke($"low_multi.{t}", tracked.LowMasks);
                look?.Invoke($"ious.{t}", tracked.Ious);
                look?.Invoke($"obj.{t}", tracked.ObjectLogit);
                if (labels[t] is not { } label) return;
                Supervise(tracked, label, target, terms, loss, predictions[t]);
            });
            Contrast(room, frames, residuals, labels, predictions, sampler, contrasted, loss, look);
        }

        var values = Device.Download(terms);
        var contrastive = contrast.IsOn ? Device.Download(contrasted)[0] : 0;
        tape.Backward(loss, (float)scale);
        return new LossTerms(values[0], values[1], values[2], values[3], contrastive);
    }

    /// <inheritdoc/>
    public void Refresh()
    {
        foreach (var layout in network.Parameters.Layouts) layout.Refresh();
    }

    /// <inheritdoc/>
    public IEnumerable<FramePrediction> Predict(LoadedClip clip, CancellationToken cancellation)
    {
        var frames = clip.Images.Count;
        var size = network.Sam2.Config.ImageSize;
        using var scope = Device.Scope();
        var room = Room(frames);
        Encode(room, clip, cancellation);
        room.Fuse(tape: null, frames, Examples(clip), text: default, residuals: null, cancellation);
        var predictions = new FramePrediction[frames];
        var masks = Device.Rent(MaskLoss.Masks, size, size);
        var conditioning = network.FuserConfig.Variant == FuserVariant.Avs ? 0 : ClipForward.ConditioningFrame(frames);
        room.Track(
            frames, conditioning,
            (t, tracked) =>
            {
                Resize.Forward(Device, tracked.LowMasks, masks, ResizeMode.Bilinear);
                predictions[t] = new FramePrediction(Device.Download(masks), Device.Download(tracked.Ious), Device.Download(tracked.ObjectLogit)[0]);
            },
            cancellation);
        return predictions;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        forward?.Dispose();
        tape.Dispose();
        network.Dispose();
    }

    /// <summary>Room for a clip; a longer one gets more.</summary>
    internal ClipForward Room(int frames)
    {
        if (forward is not null && forward.Window.Capacity >= frames) return forward;
        forward?.Dispose();
        return forward = new ClipForward(network, frames);
    }

    private void Encode(ClipForward room, LoadedClip clip, CancellationToken cancellation = default)
    {
        var size = network.Sam2.Config.ImageSize;
        if (clip.Size != size) throw new ArgumentException($"a clip of size {clip.Size} for a model of size {size}");
        using var scope = Device.Scope();
        var image = Device.Rent(size, size, ImageNormalizer.Channels);
        var values = new float[image.Length];
        for (var t = 0; t < clip.Images.Count; t++)
        {
            ImageNormalizer.ToChannelLast(clip.Images[t], values);
            Device.Upload(values, image);
            room.Encode(t, image, cancellation);
        }
    }

    /// <summary>One frame a second, in the caller's scope.</summary>
    private Tensor Examples(LoadedClip clip)
    {
        var frames = clip.Images.Count;
        var examples = Device.Rent(frames, 2, LogMel.ExampleFrames, LogMel.Bands);
        Device.Upload(new AudioExamples(Device, clip.Sound).Of(0, frames, framesPerSecond: 1), examples);
        return examples;
    }

    private Tensor[] Residuals(int frames)
    {
        var cells = network.Sam2.Config.Grid * network.Sam2.Config.Grid;
        return [.. Enumerable.Range(0, AuralFuser.Levels).Select(_ => Device.Rent(frames, cells, AuralFuser.Channels))];
    }

    /// <summary>The loss of a frame, and its best mask at the grid's size for the contrastive loss.</summary>
    private void Supervise(in SelectedMask tracked, byte[] label, Tensor target, Tensor terms, Tensor loss, Tensor prediction)
    {
        using var scope = Device.Scope();
        var size = target.Shape[0];
        Tensor masks = Device.Rent(MaskLoss.Masks, size, size), best = Device.Rent(size, size), details = Device.Rent(MaskLoss.Details, MaskLoss.Masks);
        Device.Upload(Array.ConvertAll(label, v => (float)v), target);
        Resize.Forward(Device, tracked.LowMasks, masks, ResizeMode.Bilinear);
        MaskLoss.Forward(Device, masks, target, tracked.Ious, tracked.ObjectLogit, MaskLossWeights.Published, terms, loss, details);
    }
}
