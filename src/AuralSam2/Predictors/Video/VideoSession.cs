using System.Runtime.CompilerServices;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models.Sam2;
using AuralSam2.PostProcessing;
using AuralSam2.Weights;

namespace AuralSam2.Predictors;

/// <summary>One video that is being tracked: its objects, their prompts and memories. From <see cref="VideoPredictor"/>.</summary>
/// <remarks>
/// The image encoder and the first self-attention of the memory run once for each frame, whatever the number of objects. Frames are
/// encoded when they are wanted; the last few stay (<see cref="VideoOptions.EncodedFrames"/>), others are encoded again. After a
/// cancelled or failed call the session is as it was after the last frame that was handed out.
/// </remarks>
public sealed class VideoSession : IDisposable
{
    private readonly Sam2Network network;
    private readonly Device device;
    private readonly EncodedFrames encoded;
    private readonly double framesPerSecond;
    private readonly Func<int, ObjectTrack> create;
    private readonly Turn turn;
    private readonly string weights;
    private readonly MaskCleanupOptions cleanup;
    private readonly List<ObjectTrack> objects = [];
    private readonly SortedDictionary<int, List<VideoPrompt>> awaited = [];
    private int next; // frame of a stream that is tracked next
    private bool isDisposed;

    internal VideoSession(
        Sam2Network network, Device device, EncodedFrames encoded, double framesPerSecond, Func<int, ObjectTrack> create, Turn turn, string weights,
        MaskCleanupOptions cleanup)
    {
        (this.network, this.device, this.encoded, this.framesPerSecond) = (network, device, encoded, framesPerSecond);
        (this.create, this.turn, this.weights, this.cleanup) = (create, turn, weights, cleanup);
    }

    /// <summary>Numbers of the objects, in the order in which they were added.</summary>
    public IReadOnlyList<int> ObjectIds => [.. objects.Select(o => o.Id)];

    /// <summary>Frames of the video; null while a stream runs.</summary>
    public int? FrameCount => encoded.Images.Count;

    private bool IsStream => encoded.Images is StreamImages;

    /// <summary>Frames as memories count them: nobody knows how long a stream is.</summary>
    private int Frames => IsStream ? int.MaxValue : encoded.Images.Count!.Value;

    /// <summary>
    /// Shows an object on a frame: a new one, or one that is known, to correct it. Propagate again, or further, to track what follows.
    /// </summary>
    /// <param name="prompt">What is shown.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <returns>The object on that frame; null for a frame of a stream that has not arrived: it is prompted when it does.</returns>
    /// <exception cref="ArgumentException">An empty prompt, a mask of another size, an empty box, a number that is none, or one outside
    /// the frame.</exception>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call, or a frame of a stream that is
    /// gone.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public TrackedObject? Prompt(VideoPrompt prompt, CancellationToken cancellation = default)
    {
        using var lease = Begin();
        var images = encoded.Images;
        PromptCheck.Check(prompt, images.Count);
        if (prompt.Frame >= images.Arrived)
        {
            if (!awaited.TryGetValue(prompt.Frame, out var waiting)) awaited[prompt.Frame] = waiting = [];
            waiting.Add(prompt);
            return null;
        }

        using var watch = new CancellationWatch(device, cancellation);
        return Apply(prompt);
    }

    /// <summary>Takes back all prompts of an object on a frame.</summary>
    /// <exception cref="ArgumentException">There is no such object, or it was not prompted there.</exception>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    public void RemovePrompts(int frame, int objectId)
    {
        using var lease = Begin();
        var had = awaited.TryGetValue(frame, out var waiting) && waiting.RemoveAll(p => p.ObjectId == objectId) > 0;
        if (objects.Find(o => o.Id == objectId) is { } track) had |= track.RemovePrompts(frame);
        else if (!had) throw Unknown(objectId);
        if (!had) throw new ArgumentException($"object {objectId} was not prompted on frame {frame}", nameof(frame));
    }

    /// <summary>Forgets an object; the others stay as they are.</summary>
    /// <exception cref="ArgumentException">There is no such object.</exception>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    public void RemoveObject(int objectId)
    {
        using var lease = Begin();
        var waited = awaited.Values.Sum(waiting => waiting.RemoveAll(p => p.ObjectId == objectId));
        var place = objects.FindIndex(o => o.Id == objectId);
        if (place < 0 && waited == 0) throw Unknown(objectId);
        if (place < 0) return;
        objects[place].Dispose();
        objects.RemoveAt(place);
    }

    /// <summary>Tracks all objects from frame to frame.</summary>
    /// <param name="options">Which frames; null goes forwards from the first conditioning frame, or, on a stream, on from where it
    /// is.</param>
    /// <param name="progress">Told before every frame; a stream's total is what has arrived.</param>
    /// <param name="cancellation">Looked at after every op.</param>
    /// <returns>
    /// Frames in the order of tracking, each as soon as it is known. Between two of them the session may be prompted and objects removed.
    /// </returns>
    /// <exception cref="ArgumentException">A first frame outside the clip, fewer than one frame, or for a stream a first frame or a
    /// direction.</exception>
    /// <exception cref="InvalidOperationException">No object was shown on any frame of a clip, or the predictor is at work in another
    /// call.</exception>
    /// <exception cref="Media.MediaException">A frame cannot be read.</exception>
    /// <exception cref="WeightsException">The weights produce values that are no numbers.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IAsyncEnumerable<TrackedFrame> PropagateAsync(
        PropagateOptions? options = null, IProgress<SegmentProgress>? progress = null, CancellationToken cancellation = default)
    {
        var asked = options ?? new PropagateOptions();
        if (asked.MaxFrames < 1) throw new ArgumentException($"{asked.MaxFrames} frames to track", nameof(options));
        if (IsStream && (asked.Reverse || asked.From is not null))
            throw new ArgumentException("a stream is tracked forwards, from where it is", nameof(options));
        if (asked.From is { } from && (from < 0 || from >= Frames))
            throw new ArgumentException($"frame {from} of a clip of {Frames} frames", nameof(options));
        if (!IsStream && !objects.Any(o => o.IsConditioned))
            throw new InvalidOperationException("nothing to track: show an object on a frame first");
        return Run(asked, progress, cancellation);
    }

    /// <summary>
    /// The logits of an object on a frame, <c>[height, width]</c>, its low-resolution mask, pointer and memory; for fixtures.
    /// </summary>
    internal MemoryBank.Entry? Answer(int objectId, int frame) => objects.Find(o => o.Id == objectId)?.Answer(frame);

    /// <summary>An object's memories; for tests.</summary>
    internal MemoryBank? BankOf(int objectId) => objects.Find(o => o.Id == objectId)?.Bank;

    /// <summary>Logits at the size of the frame, <c>[height, width]</c>, rented in the caller's scope.</summary>
    internal Tensor FullSize(Tensor mask)
    {
        var full = device.Rent(encoded.Images.Height, encoded.Images.Width);
        Resize.Forward(device, mask, full, ResizeMode.Bilinear);
        return full;
    }

    /// <summary>Ends reading ahead and frees all memories.</summary>
    public void Dispose()
    {
        if (isDisposed) return;
        isDisposed = true;
        foreach (var track in objects) track.Dispose();
        objects.Clear();
        encoded.Dispose();
    }

    private async IAsyncEnumerable<TrackedFrame> Run(
        PropagateOptions options, IProgress<SegmentProgress>? progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var step = options.Reverse ? -1 : 1;
        var frame = IsStream ? next : options.From ?? objects.SelectMany(o => o.ConditioningFrames).Min();
        for (var done = 0; done < (options.MaxFrames ?? int.MaxValue); done++, frame += step)
        {
            if (IsStream) frame = next;
            cancellation.ThrowIfCancellationRequested();
            using (Begin())
                if (!await encoded.ArriveAsync(frame, cancellation).ConfigureAwait(false)) break;
            var all = IsStream ? encoded.Images.Arrived : options.Reverse ? done + frame + 1 : done + Frames - frame;
            progress?.Report(new SegmentProgress("tracking", done, Math.Min(all, options.MaxFrames ?? all)));
            var found = Step(frame, frame + step, options.Reverse, cancellation);
            if (IsStream) next = frame + 1;
            yield return found;
        }
    }

    private TrackedFrame Step(int index, int following, bool reverse, CancellationToken cancellation)
    {
        using var lease = Begin();
        using var watch = new CancellationWatch(device, cancellation);
        ApplyAwaited(index);

        // What was prompted since the last frame becomes memory before any frame sees it.
        foreach (var track in objects)
            foreach (var prompted in track.PendingFrames.ToArray()) track.Remember(encoded.Get(prompted, following: -1), prompted);

        var tracking = objects.Where(o => o.IsConditioned).ToArray();
        if (tracking.Length == 0) return new TrackedFrame(index, index / framesPerSecond, []);
        using var scope = device.Scope();
        var frame = tracking.All(o => o.Bank.IsConditioning(index)) ? default : encoded.Get(index, following);
        MemoryAttention.Opening? begun = null;
        var found = new TrackedObject[tracking.Length];
        for (var i = 0; i < found.Length; i++)
        {
            var entry = tracking[i].Track(
                frame, () => begun ??= network.MemoryAttention.Open(frame.Features, network.ImagePositions), index, Frames, reverse);
            found[i] = Found(tracking[i], index, entry);
        }

        return new TrackedFrame(index, index / framesPerSecond, found);
    }

    /// <summary>Prompts that waited for a frame. One that makes no sense is gone with the error; one that was cancelled waits
    /// on.</summary>
    private void ApplyAwaited(int index)
    {
        if (!awaited.TryGetValue(index, out var waiting)) return;
        while (waiting.Count > 0)
        {
            try
            {
                Apply(waiting[0]);
            }
            catch (ArgumentException)
            {
                waiting.RemoveAt(0);
                throw;
            }

            waiting.RemoveAt(0);
        }

        awaited.Remove(index);
    }

    private TrackedObject Apply(VideoPrompt prompt)
    {
        var images = encoded.Images;
        PromptCheck.CheckPlace(prompt, images.Width, images.Height);
        var frame = encoded.Get(prompt.Frame, following: prompt.Frame + 1);
        var track = objects.Find(o => o.Id == prompt.ObjectId);
        var isNew = track is null;
        track ??= create(prompt.ObjectId);
        try
        {
            var entry = prompt.Mask is { } mask
                ? track.Prompt(frame, prompt.Frame, mask, images.Height, images.Width)
                : track.Prompt(frame, prompt.Frame, Frames, PointsOf(prompt), prompt.AddToEarlier);
            var found = Found(track, prompt.Frame, entry);
            if (isNew) objects.Add(track);
            return found;
        }
        catch when (isNew)
        {
            track.Dispose();
            throw;
        }
    }

    private PromptPoint[] PointsOf(VideoPrompt prompt) => InputPoints.Of(
        prompt.Points, prompt.Box, network.Config.ImageSize, encoded.Images.Width, encoded.Images.Height);

    /// <summary>An answer as the host wants it, in one download.</summary>
    private TrackedObject Found(ObjectTrack track, int index, in MemoryBank.Entry entry)
    {
        using var scope = device.Scope();
        var (height, width) = (encoded.Images.Height, encoded.Images.Width);
        var pixels = height * width;
        var answer = device.Rent(pixels + 2);
        Resize.Forward(device, entry.Mask, answer.SliceColumns(0, pixels).Reshape(height, width), ResizeMode.Bilinear);
        device.Copy(entry.Scores.Reshape(2), answer.SliceColumns(pixels, 2));
        var values = device.Download(answer);
        var (objectLogit, iou) = (values[pixels], values[pixels + 1]);
        if (!float.IsFinite(objectLogit) || !float.IsFinite(iou))
            throw new WeightsException($"{weights}: frame {index} comes out as not a number; the weights are damaged, or not those of this model");
        var mask = new byte[pixels];
        MaskThreshold.Above(values.AsSpan(0, pixels), 0, mask);
        MaskCleanup.Apply(mask, width, height, cleanup);
        return new TrackedObject(track.Id, mask, iou, objectLogit, track.ConditioningFrames.Contains(index));
    }

    private Turn.Lease Begin()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return turn.Take();
    }

    private ArgumentException Unknown(int objectId) => new(
        $"no object {objectId}: there {(objects.Count == 0 ? "are none" : $"is {string.Join(", ", objects.Select(o => o.Id))}")}", nameof(objectId));
}
