using AuralSam2.Kernels;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// One object through a video: its prompts, what it remembers, and where it was tracked (SPEC 7 "Official video predictor rules").
/// Objects do not know of each other.
/// </summary>
internal sealed class ObjectTrack : IDisposable
{
    private readonly Sam2Network network;
    private readonly Device device;
    private readonly PromptedHeads heads;
    private readonly VideoOptions options;
    private readonly MemoryBank bank;
    private readonly Dictionary<int, PromptPoint[]> points = [];
    private readonly Dictionary<int, bool> tracked = []; // frame to whether time ran backwards
    private readonly SortedDictionary<int, (MemoryBank.Entry Entry, bool IsConditioning)> pending = []; // prompted, not yet remembered

    /// <summary>An object of which nothing is known.</summary>
    public ObjectTrack(int id, Sam2Network network, Device device, VideoOptions options, MemoryRetention retention)
    {
        (Id, this.network, this.device, this.options) = (id, network, device, options);
        heads = new PromptedHeads(network, device);
        var grid = network.Config.Grid;
        bank = new MemoryBank(device, network.Memory, grid * grid, frames: 0, network.Config.OnlyPastPointers, retention, maskEdge: 4 * grid);
    }

    /// <summary>Which object.</summary>
    public int Id { get; }

    /// <summary>Its memories.</summary>
    public MemoryBank Bank => bank;

    /// <summary>Frames whose prompt starts a memory, remembered or about to be.</summary>
    public IEnumerable<int> ConditioningFrames => bank.ConditioningFrames.Concat(pending.Where(p => p.Value.IsConditioning).Select(p => p.Key));

    /// <summary>Whether there is anything to start from.</summary>
    public bool IsConditioned => bank.IsConditioned || pending.Values.Any(p => p.IsConditioning);

    /// <summary>Frames with prompts that are not yet remembered.</summary>
    public IReadOnlyCollection<int> PendingFrames => pending.Keys;

    /// <summary>Points of a frame.</summary>
    /// <param name="frame">Its maps.</param>
    /// <param name="index">Frame number.</param>
    /// <param name="frames">Frames of the video.</param>
    /// <param name="prompt">In pixels of the model's input; a box is its two corners, first.</param>
    /// <param name="addToEarlier">Whether earlier points of the frame count too.</param>
    /// <returns>The object's answer on that frame.</returns>
    public MemoryBank.Entry Prompt(in EncodedFrame frame, int index, int frames, PromptPoint[] prompt, bool addToEarlier)
    {
        PromptPoint[] all = addToEarlier && points.TryGetValue(index, out var earlier) ? [.. earlier, .. prompt] : prompt;
        using var scope = device.Scope();
        var isFirst = !tracked.TryGetValue(index, out var reverse);
        var prior = Answer(index) is { } known ? heads.Prior(known.Mask) : default;
        var conditioned = device.Rent(frame.Features.Rows, frame.Features.Columns);
        if (isFirst) network.Condition(frame.Features, null, index, frames, conditioned);
        else network.Condition(network.MemoryAttention.Open(frame.Features, network.ImagePositions), bank, index, frames, reverse, conditioned);
        var entry = bank.Take();
        try
        {
            heads.Decode(frame, conditioned, all, prior, entry);
        }
        catch
        {
            bank.Return(entry);
            throw;
        }

        points[index] = all;
        return Await(index, entry, isFirst);
    }

    /// <summary>The object itself on a frame; see <see cref="PromptedHeads.Adopt"/>.</summary>
    public MemoryBank.Entry Prompt(in EncodedFrame frame, int index, ReadOnlySpan<byte> mask, int height, int width)
    {
        var entry = bank.Take();
        try
        {
            heads.Adopt(frame, mask, height, width, entry);
        }
        catch
        {
            bank.Return(entry);
            throw;
        }

        points.Remove(index);
        return Await(index, entry, !tracked.ContainsKey(index));
    }

    /// <summary>Takes back what was shown on a frame. If it was remembered the frame stays as one that was tracked.</summary>
    /// <returns>Whether anything had been shown.</returns>
    public bool RemovePrompts(int frame)
    {
        var had = points.Remove(frame);
        if (pending.Remove(frame, out var waiting))
        {
            bank.Return(waiting.Entry);
            had = true;
        }

        if (!bank.IsConditioning(frame)) return had;
        bank.Demote(frame);
        tracked.Remove(frame);
        if (!IsConditioned) tracked.Clear(); // nothing of what was tracked has a ground any more
        return true;
    }

    /// <summary>Remembers a frame that was prompted.</summary>
    public void Remember(in EncodedFrame frame, int index)
    {
        var (entry, isConditioning) = pending[index];
        heads.Remember(frame, entry);
        pending.Remove(index);
        bank.Keep(entry, index, isConditioning);
    }

    /// <summary>Finds the object on a frame, or takes the answer that its prompt gave.</summary>
    /// <param name="frame">Its maps.</param>
    /// <param name="opening">The frame, begun for all objects; asked for only where it is needed.</param>
    /// <param name="index">Frame number.</param>
    /// <param name="frames">Frames of the video.</param>
    /// <param name="reverse">Whether time runs backwards.</param>
    public MemoryBank.Entry Track(in EncodedFrame frame, Func<MemoryAttention.Opening> opening, int index, int frames, bool reverse)
    {
        if (bank.IsConditioning(index))
        {
            tracked[index] = reverse;
            return bank.Of(index);
        }

        var begun = opening();
        using var scope = device.Scope();
        bank.Forget(index);
        var conditioned = device.Rent(frame.Features.Rows, frame.Features.Columns);
        network.Condition(begun, bank, index, frames, reverse, conditioned);
        var entry = bank.Take();
        try
        {
            var high = heads.Decode(frame, conditioned, [], mask: default, entry);
            heads.Remember(frame, high, entry, binarise: false);
        }
        catch
        {
            bank.Return(entry);
            throw;
        }

        tracked[index] = reverse;
        return bank.Keep(entry, index, isConditioning: false);
    }

    /// <summary>The object's answer on a frame; null where it has none.</summary>
    public MemoryBank.Entry? Answer(int frame) => pending.TryGetValue(frame, out var waiting) ? waiting.Entry : bank.TryGet(frame);

    /// <inheritdoc/>
    public void Dispose() => bank.Dispose();

    private MemoryBank.Entry Await(int index, in MemoryBank.Entry entry, bool isFirst)
    {
        if (pending.Remove(index, out var before)) bank.Return(before.Entry);
        pending[index] = (entry, isFirst || options.CorrectionsCondition);
        return entry;
    }
}
