using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>Cuts out of every frame of a clip the object that makes the sound.</summary>
/// <remarks>Not thread-safe: one clip at a time, as the device serves one caller at a time.</remarks>
public sealed class AudioVisualPredictor(AuralSam2Model model)
{
    /// <summary>Units of work of a frame: encoded, fused, tracked.</summary>
    private const int StepsPerFrame = 3;

    /// <summary>Where the scores of a frame stand behind its logits.</summary>
    private static class Scores
    {
        public const int Masks = 3;
        public const int Ious = 0;
        public const int Best = Ious + Masks;
        public const int ObjectLogit = Best + 1;
        public const int Count = ObjectLogit + 1;
    }

    /// <summary>Segments a clip. Frames are fused with their sound in windows; the tracker's memory runs on from window to window.</summary>
    /// <param name="frames">The pictures.</param>
    /// <param name="sound">The sound of the whole clip; any rate, any number of channels.</param>
    /// <param name="options">How masks are chosen and how long a window is.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="cancellation">Looked at between blocks of the network.</param>
    /// <returns>One result per frame, in order, as soon as its window is done.</returns>
    /// <exception cref="ArgumentException">No frames, no samples, a window below 1, or text features missing, superfluous for the weights,
    /// or of another size.</exception>
    /// <exception cref="MediaException">A frame cannot be read.</exception>
    /// <exception cref="WeightsException">The weights produce values that are no numbers.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IEnumerable<SegmentedFrame> Segment(
        IFrameSource frames, Waveform sound, SegmentOptions options,
        IProgress<SegmentProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (frames.Count == 0) throw new ArgumentException("a clip without frames", nameof(frames));
        if (sound.Length == 0) throw new ArgumentException("a sound without samples", nameof(sound));
        if (options.Window < 1) throw new ArgumentException($"a window of {options.Window} frames", nameof(options));
        if (options.TextFeatures is null != (model.Variant == FuserVariant.Avs))
        {
            throw new ArgumentException(
                options.TextFeatures is null
                    ? $"{model.Weights} are Ref-AVS weights: they need the features of a sentence"
                    : $"{model.Weights} are AVS weights: they take no sentence",
                nameof(options));
        }

        const int features = AuralFuser.TextTokens * AuralFuser.TextChannels;
        if (options.TextFeatures is { } text && text.Length != features)
            throw new ArgumentException(
                $"{text.Length} text features: {AuralFuser.TextTokens} vectors of {AuralFuser.TextChannels} are {features}",
                nameof(options));

        return Windows(frames, sound, options, progress, cancellation);
    }

    private IEnumerable<SegmentedFrame> Windows(
        IFrameSource frames, Waveform sound, SegmentOptions options, IProgress<SegmentProgress>? progress, CancellationToken cancellation)
    {
        var examples = new AudioExamples(model.Device, sound);
        using var tracker = new SoundingObjectTracker(model.Network, frames.Count);
        using var window = new ClipWindow(model.Network, Math.Min(options.Window, frames.Count));
        using var upload = new FrameUpload(model.Device, model.ImageSize);
        for (var first = 0; first < frames.Count; first += window.Capacity)
        {
            var count = Math.Min(window.Capacity, frames.Count - first);
            foreach (var frame in Window(frames, examples, first, count, upload, window, tracker, options, progress, cancellation)) yield return frame;
        }
    }

    private SegmentedFrame[] Window(
        IFrameSource frames, AudioExamples examples, int first, int count, FrameUpload upload, ClipWindow window, SoundingObjectTracker tracker,
        SegmentOptions options, IProgress<SegmentProgress>? progress, CancellationToken cancellation)
    {
        var device = model.Device;
        var (total, before) = (StepsPerFrame * frames.Count, StepsPerFrame * first);
        using var scope = device.Scope();
        for (var i = 0; i < count; i++)
        {
            progress?.Report(new SegmentProgress("encoding images", before + i, total));
            cancellation.ThrowIfCancellationRequested();
            window.Encode(i, upload.Begin(frames.Read(first + i)), cancellation);
        }

        progress?.Report(new SegmentProgress("fusing sound and image", before + count, total));
        Fuse(examples.Of(first, count, frames.FramesPerSecond), count, window, options, cancellation);

        var results = new SegmentedFrame[count];
        // AVS starts from the first frame, Ref from the middle one (of the first window); the others follow in order.
        var conditioning = first > 0 ? -1 : model.Variant == FuserVariant.Avs ? 0 : count / 2;
        IEnumerable<int> order = conditioning < 0
            ? Enumerable.Range(0, count)
            : Enumerable.Range(0, count).Where(i => i != conditioning).Prepend(conditioning);
        var done = 0;
        foreach (var i in order)
        {
            progress?.Report(new SegmentProgress("tracking", before + (2 * count) + done++, total));
            cancellation.ThrowIfCancellationRequested();
            results[i] = Track(window, tracker, i, first + i, i == conditioning, frames, options.Decode);
        }

        if (first + count == frames.Count) progress?.Report(new SegmentProgress("tracking", total, total));
        return results;
    }

    private void Fuse(float[] examples, int count, ClipWindow window, SegmentOptions options, CancellationToken cancellation)
    {
        var device = model.Device;
        using var scope = device.Scope();
        var heard = device.Rent(count, 2, LogMel.ExampleFrames, LogMel.Bands);
        device.Upload(examples, heard);
        Tensor text = default;
        if (options.TextFeatures is { } values)
        {
            text = device.Rent(AuralFuser.TextTokens, AuralFuser.TextChannels);
            device.Upload(values, text);
        }

        window.Fuse(count, heard, text, cancellation: cancellation);
    }

    private SegmentedFrame Track(
        ClipWindow window, SoundingObjectTracker tracker, int place, int frame, bool isConditioning, IFrameSource frames, DecodeMode decode)
    {
        var device = model.Device;
        using var scope = device.Scope();
        var conditioned = device.Rent(window.Features(place).Rows, FpnNeck.Channels);
        var selected = tracker.Track(window, place, frame, isConditioning, conditioned);

        // All that the host wants of a frame lies in one tensor: one download, the only time in a frame that the host waits.
        var pixels = frames.Height * frames.Width;
        var answer = device.Rent(pixels + Scores.Count);
        // Scores are defined at the model's input size: logits go there first, then to the picture's own size.
        var high = selected.HighMask;
        if (decode == DecodeMode.First) Resize.Forward(device, selected.LowMasks.At(0), high, ResizeMode.Bilinear);
        Resize.Forward(device, high, answer.SliceColumns(0, pixels).Reshape(frames.Height, frames.Width), ResizeMode.Bilinear);
        device.Copy(selected.Ious.Reshape(Scores.Masks), answer.SliceColumns(pixels + Scores.Ious, Scores.Masks));
        device.Copy(selected.Best, answer.SliceColumns(pixels + Scores.Best, 1));
        device.Copy(selected.ObjectLogit.Reshape(1), answer.SliceColumns(pixels + Scores.ObjectLogit, 1));
        var values = device.Download(answer);
        Span<float> logits = values.AsSpan(0, pixels), scores = values.AsSpan(pixels);
        var (best, objectLogit) = ((int)scores[Scores.Best], scores[Scores.ObjectLogit]);
        if (!float.IsFinite(objectLogit) || !float.IsFinite(scores[Scores.Ious + best]))
            throw new WeightsException(
                $"{model.Weights}: frame {frame} comes out as not a number; the weights are damaged, or not those of this model");

        var mask = new byte[pixels];
        var nothing = decode == DecodeMode.IouObject && objectLogit < 0;
        for (var i = 0; i < mask.Length && !nothing; i++) mask[i] = logits[i] > 0 ? byte.MaxValue : byte.MinValue;
        var iou = scores[Scores.Ious + (decode == DecodeMode.First ? 0 : best)];
        return new SegmentedFrame(frame, frame / frames.FramesPerSecond, mask, iou, objectLogit);
    }
}
