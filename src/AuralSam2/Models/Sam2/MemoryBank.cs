using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;

namespace AuralSam2.Models.Sam2;

/// <summary>
/// What a tracked object remembers, and what of it a frame gets to see (SPEC 7): the spatial memories of conditioning frames and of the
/// six frames before, and up to sixteen object pointers.
/// </summary>
internal sealed class MemoryBank : IDisposable
{
    /// <summary>Spatial memories that a frame sees besides conditioning frames, plus one.</summary>
    public const int SpatialMemories = 7;

    /// <summary>Object pointers that a frame sees at most.</summary>
    public const int MaxPointers = 16;

    private const int PointerChannels = 256;
    private const int Channels = MemoryEncoder.MemoryChannels;
    private const int TokensPerPointer = PointerChannels / Channels;

    private readonly Device device;
    private readonly MemoryWeights weights;
    private readonly int cells;
    private readonly bool onlyPastPointers;
    private readonly MemoryRetention retention;
    private readonly int maskEdge;
    private readonly List<Entry> conditioning = [];
    private readonly SortedDictionary<int, Entry> others = [];
    private readonly Stack<Entry> free = new();
    private readonly List<DeviceBuffer> buffers = [];

    /// <summary>Starts an empty memory with room for a clip with one conditioning frame; more of them make more room.</summary>
    /// <param name="device">Where memories live.</param>
    /// <param name="weights">Time encodings.</param>
    /// <param name="cells">Cells of the stride-16 grid.</param>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="onlyPastPointers">Whether frames before a conditioning frame do not see its pointer.</param>
    /// <param name="retention">What is forgotten.</param>
    /// <param name="maskEdge">Edge of the masks that are kept beside the memories; 0 keeps none.</param>
    public MemoryBank(
        Device device, MemoryWeights weights, int cells, int frames, bool onlyPastPointers,
        MemoryRetention retention = MemoryRetention.Forward, int maskEdge = 0)
    {
        this.onlyPastPointers = onlyPastPointers;
        this.device = device;
        this.weights = weights;
        this.cells = cells;
        this.retention = retention;
        this.maskEdge = maskEdge;
        // The conditioning frame, as many frames as pointers look back, and the one that is being added.
        if (retention == MemoryRetention.Forward) MakeRoom(Math.Min(frames, MaxPointers + 2));
    }

    /// <summary>A frame's memory: where the mask encoder and the pointer head write.</summary>
    /// <param name="Frame">Frame number.</param>
    /// <param name="Features"><c>[cells, 64]</c>.</param>
    /// <param name="Pointer"><c>[1, 256]</c>.</param>
    /// <param name="Mask">Logits <c>[edge, edge]</c>; empty in a bank that keeps no masks.</param>
    /// <param name="Scores"><c>[1, 2]</c>: object logit and predicted IoU; empty likewise.</param>
    internal readonly record struct Entry(int Frame, Tensor Features, Tensor Pointer, Tensor Mask = default, Tensor Scores = default)
    {
        /// <summary><c>[1, 1]</c>, above 0: an object is there.</summary>
        public Tensor ObjectLogit => Scores.SliceColumns(0, 1);

        /// <summary><c>[1, 1]</c>: the mask's estimated quality.</summary>
        public Tensor Iou => Scores.SliceColumns(1, 1);
    }

    /// <summary>Frames that every frame sees, in the order in which they were first added.</summary>
    public IEnumerable<int> ConditioningFrames => conditioning.Select(e => e.Frame);

    /// <summary>Whether there is a memory that every frame sees.</summary>
    public bool IsConditioned => conditioning.Count > 0;

    /// <summary>Entries that hold a memory.</summary>
    public int Count => conditioning.Count + others.Count;

    /// <summary>Makes room for a frame's memory; what no later frame can see is forgotten and its room used again.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="isConditioning">Whether every frame sees it, or only the ones after.</param>
    public Entry Add(int frame, bool isConditioning)
    {
        Forget(frame);
        return Keep(Take(), frame, isConditioning);
    }

    /// <summary>Room for a memory that no frame sees yet: to <see cref="Keep"/> when it is complete, or else to <see cref="Return"/>.</summary>
    public Entry Take()
    {
        if (free.Count == 0) MakeRoom(1);
        return free.Pop();
    }

    /// <summary>Gives back what <see cref="Take"/> handed out.</summary>
    public void Return(in Entry entry) => free.Push(entry with { Frame = -1 });

    /// <summary>Remembers a frame in the place of what was remembered of it.</summary>
    /// <param name="entry">From <see cref="Take"/>.</param>
    /// <param name="frame">Frame number.</param>
    /// <param name="isConditioning">Whether every frame sees it, or only the ones after.</param>
    public Entry Keep(in Entry entry, int frame, bool isConditioning)
    {
        var kept = entry with { Frame = frame };
        if (others.Remove(frame, out var other)) Return(other);
        var place = conditioning.FindIndex(e => e.Frame == frame);
        if (place >= 0 && isConditioning)
        {
            Return(conditioning[place]);
            conditioning[place] = kept;
        }
        else if (isConditioning)
        {
            conditioning.Add(kept);
        }
        else
        {
            others[frame] = kept;
        }

        return kept;
    }

    /// <summary>A conditioning frame becomes one that only frames near it see.</summary>
    public void Demote(int frame)
    {
        var place = conditioning.FindIndex(e => e.Frame == frame);
        if (place < 0) return;
        var entry = conditioning[place];
        conditioning.RemoveAt(place);
        if (others.Remove(frame, out var other)) Return(other);
        others[frame] = entry;
    }

    /// <summary>Forgets what no frame after or around this one can see, as far as the bank's retention says so.</summary>
    public void Forget(int frame)
    {
        if (retention == MemoryRetention.Everything) return;
        foreach (var old in others.Keys.Where(IsOutOfSight).ToArray())
        {
            Return(others[old]);
            others.Remove(old);
        }

        // No frame looks further than its pointers do.
        bool IsOutOfSight(int other) => retention == MemoryRetention.Forward
            ? other < frame - MaxPointers
            : Math.Abs(other - frame) > MaxPointers && !conditioning.Exists(e => Math.Abs(e.Frame - other) <= MaxPointers);
    }

    /// <summary>The memory of a frame.</summary>
    /// <exception cref="KeyNotFoundException">The frame was never remembered, or is forgotten.</exception>
    public Entry Of(int frame) => TryGet(frame) ?? throw new KeyNotFoundException($"no memory of frame {frame}");

    /// <summary>The memory of a frame; null when it was never remembered, or is forgotten.</summary>
    public Entry? TryGet(int frame)
    {
        var place = conditioning.FindIndex(e => e.Frame == frame);
        return place >= 0 ? conditioning[place] : others.TryGetValue(frame, out var entry) ? entry : null;
    }

    /// <summary>Whether every frame sees this one's memory.</summary>
    public bool IsConditioning(int frame) => conditioning.Exists(e => e.Frame == frame);

    /// <summary>Gathers what a frame sees.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="frames">Frames of the whole clip.</param>
    /// <param name="spatialPositions"><c>[cells, 64]</c>: sine positions of the grid.</param>
    /// <param name="memory"><c>[tokens, 64]</c>, rented in the caller's scope.</param>
    /// <param name="positions"><c>[tokens, 64]</c>, likewise.</param>
    /// <param name="reverse">Whether time runs backwards: the frame before is then the one after.</param>
    /// <returns>How many of the last tokens are object pointers.</returns>
    public int Gather(int frame, int frames, Tensor spatialPositions, out Tensor memory, out Tensor positions, bool reverse = false)
    {
        var forward = reverse ? -1 : 1;

        // Time code of each spatial memory: 6 for conditioning frames; 5 for six frames back down to 0 for the frame before.
        var spatial = conditioning.Select(e => (Entry: e, Time: SpatialMemories - 1)).ToList();
        for (var back = SpatialMemories - 1; back >= 1; back--)
            if (others.TryGetValue(frame - (forward * back), out var entry)) spatial.Add((entry, back - 1));

        var maxPointers = Math.Min(frames, MaxPointers);
        var pointers = conditioning
            .Select(e => (e.Pointer, Distance: forward * (frame - e.Frame))).Where(p => p.Distance >= 0 || !onlyPastPointers).ToList();
        for (var back = 1; back < maxPointers; back++)
            if (others.TryGetValue(frame - (forward * back), out var entry)) pointers.Add((entry.Pointer, back));

        var pointerTokens = pointers.Count * TokensPerPointer;
        memory = device.Rent((spatial.Count * cells) + pointerTokens, Channels);
        positions = device.Rent(memory.Rows, Channels);
        for (var i = 0; i < spatial.Count; i++)
        {
            device.Copy(spatial[i].Entry.Features, memory.Slice(i * cells, cells));
            Elementwise.Add(device, spatialPositions, weights.TimeEncoding.Slice(spatial[i].Time, 1), positions.Slice(i * cells, cells));
        }

        var first = spatial.Count * cells;
        var farthest = Math.Max(1, maxPointers - 1);
        for (var i = 0; i < pointers.Count; i++)
            device.Copy(pointers[i].Pointer.Reshape(TokensPerPointer, Channels), memory.Slice(first + (i * TokensPerPointer), TokensPerPointer));
        if (pointers.Count > 0)
            weights.PointerPositions(device, [.. pointers.Select(p => (float)p.Distance / farthest)], positions.Slice(first, pointerTokens));
        return pointerTokens;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in buffers) buffer.Dispose();
        buffers.Clear();
        conditioning.Clear();
        others.Clear();
        free.Clear();
    }

    private void MakeRoom(int entries)
    {
        Tensor features = device.AllocateTensor(entries, cells, Channels), pointers = device.AllocateTensor(entries, 1, PointerChannels);
        buffers.AddRange([features.Buffer, pointers.Buffer]);
        Tensor masks = default, scores = default;
        if (maskEdge > 0)
        {
            (masks, scores) = (device.AllocateTensor(entries, maskEdge, maskEdge), device.AllocateTensor(entries, 1, 2));
            buffers.AddRange([masks.Buffer, scores.Buffer]);
        }

        for (var i = entries - 1; i >= 0; i--)
        {
            var entry = new Entry(Frame: -1, features.At(i), pointers.At(i));
            free.Push(maskEdge > 0 ? entry with { Mask = masks.At(i), Scores = scores.At(i) } : entry);
        }
    }
}

/// <summary>Which memories of frames that are not conditioning a bank forgets.</summary>
internal enum MemoryRetention
{
    /// <summary>Those that tracking forwards cannot see any more.</summary>
    Forward,

    /// <summary>
    /// Those out of sight of the current frame and of every conditioning frame, from which tracking may start in either direction.
    /// </summary>
    AroundPrompts,

    /// <summary>None.</summary>
    Everything,
}

/// <summary>Learned vectors that tell memories apart (SPEC 7).</summary>
internal sealed class MemoryWeights
{
    private const int PointerChannels = 256;
    private readonly PackedMatrix? pointerTime;

    public MemoryWeights(Sam2Config config, ParameterBinder binder)
    {
        TimeEncoding = binder.Tensor("maskmem_tpos_enc", MemoryBank.SpatialMemories, 1, 1, MemoryEncoder.MemoryChannels);
        if (!binder.Declaring) TimeEncoding = TimeEncoding.Reshape(MemoryBank.SpatialMemories, MemoryEncoder.MemoryChannels);
        NoMemory = binder.Tensor("no_mem_embed", 1, 1, PointerChannels);
        if (!binder.Declaring) NoMemory = NoMemory.Reshape(PointerChannels);
        binder.Unused("no_mem_pos_enc", 1, 1, PointerChannels);
        MaskReduction = binder.Convolution("mask_downsample", 1, 1, kernel: 4, stride: 4, padding: 0);
        if (config.Version != Sam2Version.V21) return;
        AbsentObject = binder.Tensor("no_obj_embed_spatial", 1, MemoryEncoder.MemoryChannels);
        pointerTime = binder.Linear("obj_ptr_tpos_proj", MemoryEncoder.MemoryChannels, PointerChannels);
    }

    /// <summary><c>[7, 64]</c>: added to the positions of a spatial memory by its age.</summary>
    public Tensor TimeEncoding { get; }

    /// <summary><c>[256]</c>: added to a frame that has no memory yet.</summary>
    public Tensor NoMemory { get; }

    /// <summary>Brings a mask that is given as a prompt to the size of the decoder's: convolution 4x4, stride 4.</summary>
    public ConvWeights MaskReduction { get; }

    /// <summary><c>[1, 64]</c>, 2.1 only: added to the memory of a frame without the object.</summary>
    public Tensor AbsentObject { get; }

    /// <summary>Positions of object pointers by their distance in time.</summary>
    /// <param name="device">Where they are made.</param>
    /// <param name="distances">Signed distances in frames, divided by the longest.</param>
    /// <param name="positions"><c>[4 pointers, 64]</c>: 2.0 knows no time and gets zeros.</param>
    /// <param name="observe">Sees the stages.</param>
    public void PointerPositions(Device device, float[] distances, Tensor positions, StageObserver? observe = null)
    {
        if (pointerTime is null)
        {
            device.Fill(positions, 0);
            return;
        }

        using var scope = device.Scope();
        Tensor sine = device.Rent(distances.Length, PointerChannels), projected = device.Rent(distances.Length, MemoryEncoder.MemoryChannels);
        device.Upload(PositionEncoding.Sine1D(distances, PointerChannels), sine);
        Gemm.Forward(device, sine, pointerTime, projected);
        observe?.Invoke("ptr_tpos_sine", sine);
        observe?.Invoke("ptr_tpos_proj", projected);
        var each = positions.Rows / distances.Length;
        for (var i = 0; i < positions.Rows; i++) device.Copy(projected.Slice(i / each, 1), positions.Slice(i, 1));
    }
}
