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

    /// <summary>Cells per class of a frame and level that the contrastive loss takes (SPEC 11).</summary>
    private const int AvsCells = 128, RefCells = 64;

    private readonly AuralSam2Network network;
    private readonly AudioConForm form;
    private readonly AudioCon contrast;
    private readonly SegmentationLoss loss;
    private readonly float dropout;
    private ClipForward? forward;

    /// <summary>Takes over a network that was loaded with <see cref="IsLearned"/>.</summary>
    /// <param name="network">The model; disposed with the learner.</param>
    /// <param name="dropout">Share of values that are dropped within the fuser.</param>
    /// <param name="form">Form of the contrastive loss.</param>
    public FuserLearner(AuralSam2Network network, double dropout, AudioConForm form)
    {
        (this.network, this.form, this.dropout) = (network, form, (float)dropout);
        Device = network.Device;
        Tape = new Tape(Device);
        loss = new SegmentationLoss(Device);
        contrast = new AudioCon(Device, form, network.FuserConfig.Variant == FuserVariant.Avs ? AvsCells : RefCells);
        foreach (var parameter in Parameters) Tape.Follow(parameter.Value);
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
        get => Tape.Checked;
        set => Tape.Checked = value;
    }

    /// <summary>Where ops are recorded.</summary>
    internal Tape Tape { get; }

    /// <summary>Tells which parameters learn: all of AuralFuser, its VGGish only on demand.</summary>
    /// <param name="trainVggish">Whether VGGish learns too.</param>
    public static Func<string, bool> IsLearned(bool trainVggish) => name =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && (trainVggish || !name.StartsWith(VggishPrefix, StringComparison.Ordinal));

    /// <inheritdoc/>
    public Tensor Gradient(TrainedParameter parameter) => Tape.Gradient(parameter.Value);

    /// <inheritdoc/>
    public bool HasGradient(TrainedParameter parameter) => Tape.IsTouched(parameter.Value);

    /// <inheritdoc/>
    public void ZeroGradients() => Tape.ZeroGradients();

    /// <inheritdoc/>
    public LossTerms Accumulate(LoadedClip clip, StepRandomness random, double scale)
    {
        var frames = clip.Images.Count;
        using var scope = Device.Scope();
        var room = Room(frames);
        Encode(room, clip);
        Tape.Dropout = new DropoutPlan(dropout, random.Dropout);
        var permutations = new StepPermutations(random.Sampling, (ulong)random.Step);
        return Learn(room, Examples(clip), text: default, clip.Labels, permutations.Next, scale);
    }

    /// <summary>Forward and back, from encoded frames.</summary>
    /// <param name="room">Holds the frames' pyramids.</param>
    /// <param name="examples"><c>[frames, 2, 96, 64]</c>.</param>
    /// <param name="text"><c>[25, 768]</c>, or empty.</param>
    /// <param name="labels">One per frame, <c>[size, size]</c> of 0 and 1; null: not supervised.</param>
    /// <param name="permutation">Makes the choices of the contrastive loss.</param>
    /// <param name="scale">Factor of the gradients.</param>
    /// <param name="look">Sees values by their names in fixtures while they are recorded; or null.</param>
    internal LossTerms Learn(
        ClipForward room, Tensor examples, Tensor text, IReadOnlyList<byte[]?> labels, Permutation permutation, double scale,
        Action<string, Tensor>? look = null)
    {
        using var scope = Device.Scope();
        var frames = examples.Shape[0];
        var residuals = network.FuserConfig.Variant == FuserVariant.Ref ? Residuals(frames) : null;
        using (Tape.Record())
        {
            loss.Clear();
            room.Fuse(Tape, frames, examples, text, residuals, look is null ? null : (level, map, audio) =>
            {
                look($"feat.{level}", map);
                look($"audio.{level}", audio);
            });

            var contrasted = new AudioConFrame?[frames];
            room.Track(frames, ClipForward.ConditioningFrame(frames), (t, tracked) =>
            {
                look?.Invoke($"low_multi.{t}", tracked.LowMasks);
                look?.Invoke($"ious.{t}", tracked.Ious);
                look?.Invoke($"obj.{t}", tracked.ObjectLogit);
                look?.Invoke($"mask.{t}", tracked.HighMask);
                if (labels[t] is { } label) contrasted[t] = Supervise(tracked, label);
            });
            if (form != AudioConForm.None) Contrast(room, frames, residuals, contrasted, permutation, look);
        }

        var terms = loss.Download();
        Tape.Backward(loss.Total, (float)scale);
        return terms;
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
        room.Fuse(tape: null, frames, Examples(clip), text: default, residuals: null, fused: null, cancellation);
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
        loss.Dispose();
        Tape.Dispose();
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

    /// <summary>Adds a frame to the loss.</summary>
    /// <returns>What the contrastive loss takes of it: the label, and the logits of the mask that was supervised.</returns>
    private AudioConFrame Supervise(in SelectedMask tracked, byte[] label)
    {
        using var scope = Device.Scope();
        var size = network.Sam2.Config.ImageSize;
        var values = Array.ConvertAll(label, v => (float)v);
        Tensor target = Device.Rent(size, size), masks = Device.Rent(MaskLoss.Masks, size, size);
        var details = Device.Rent(MaskLoss.Details, MaskLoss.Masks);
        Device.Upload(values, target);
        Resize.Forward(Device, tracked.LowMasks, masks, ResizeMode.Bilinear);
        loss.AddFrame(masks, target, tracked.Ious, tracked.ObjectLogit, details);
        var best = (int)Device.Download(details.At(MaskLoss.BestRow))[0];
        return new AudioConFrame(values, size, Device.Download(tracked.LowMasks.At(best)), tracked.LowMasks.Shape[1]);
    }

    private void Contrast(
        ClipForward room, int frames, Tensor[]? residuals, AudioConFrame?[] contrasted, Permutation permutation, Action<string, Tensor>? look)
    {
        int[] supervised = [.. Enumerable.Range(0, frames).Where(t => contrasted[t] is not null)];
        var cells = network.Sam2.Config.Grid * network.Sam2.Config.Grid;
        var levels = new AudioConLevel[AuralFuser.Levels];
        for (var level = 0; level < levels.Length; level++)
        {
            Tensor seen = Device.Rent(frames, cells, ProjectionHeads.Projected),
                heard = Device.Rent(network.Fuser.ContrastedTokens(frames), ProjectionHeads.Projected);
            network.Fuser.Project(room.Window.Maps(level, frames), residuals?[level] ?? default, room.Window.Audio(level, frames), seen, heard);
            look?.Invoke($"proj_v.{level}", seen);
            look?.Invoke($"proj_a.{level}", heard);
            levels[level] = new AudioConLevel(seen, heard);
        }

        contrast.Forward(levels, supervised, [.. supervised.Select(t => contrasted[t]!.Value)], permutation, loss.Total);
    }
}
