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
    public MemoryBank(Device device, MemoryWeights weights, int cells, int frames, bool onlyPastPointers)
    {
        this.onlyPastPointers = onlyPastPointers;
        this.device = device;
        this.weights = weights;
        this.cells = cells;
        // The conditioning frame, as many frames as pointers look back, and the one that is being added.
        MakeRoom(Math.Min(frames, MaxPointers + 2));
    }

    /// <summary>A frame's memory: where the mask encoder and the pointer head write.</summary>
    /// <param name="Frame">Frame number.</param>
    /// <param name="Features"><c>[cells, 64]</c>.</param>
    /// <param name="Pointer"><c>[1, 256]</c>.</param>
    internal readonly record struct Entry(int Frame, Tensor Features, Tensor Pointer);

    /// <summary>Makes room for a frame's memory; what no later frame can see is forgotten and its room used again.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="isConditioning">Whether every frame sees it, or only the ones after.</param>
    public Entry Add(int frame, bool isConditioning)
    {
        // Only forward tracking: no later frame looks back further than its pointers do.
        foreach (var old in others.Keys.Where(f => f < frame - MaxPointers).ToArray())
        {
            free.Push(others[old]);
            others.Remove(old);
        }

        if (free.Count == 0) MakeRoom(1);
        var entry = free.Pop() with { Frame = frame };
        if (isConditioning) conditioning.Add(entry);
        else others[frame] = entry;
        return entry;
    }

    /// <summary>The memory of a frame.</summary>
    /// <exception cref="KeyNotFoundException">The frame was never remembered, or is forgotten.</exception>
    public Entry Of(int frame) => conditioning.FirstOrDefault(e => e.Frame == frame) is { Features.IsEmpty: false } entry ? entry : others[frame];

    /// <summary>Gathers what a frame sees.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="frames">Frames of the whole clip.</param>
    /// <param name="spatialPositions"><c>[cells, 64]</c>: sine positions of the grid.</param>
    /// <param name="memory"><c>[tokens, 64]</c>, rented in the caller's scope.</param>
    /// <param name="positions"><c>[tokens, 64]</c>, likewise.</param>
    /// <returns>How many of the last tokens are object pointers.</returns>
    public int Gather(int frame, int frames, Tensor spatialPositions, out Tensor memory, out Tensor positions)
    {
        // Time code of each spatial memory: 6 for conditioning frames; 5 for six frames back down to 0 for the frame before.
        var spatial = conditioning.Select(e => (Entry: e, Time: SpatialMemories - 1)).ToList();
        for (var back = SpatialMemories - 1; back >= 1; back--)
            if (others.TryGetValue(frame - back, out var entry)) spatial.Add((entry, back - 1));

        var maxPointers = Math.Min(frames, MaxPointers);
        var pointers = conditioning.Where(e => e.Frame <= frame || !onlyPastPointers).Select(e => (e.Pointer, Distance: frame - e.Frame)).ToList();
        for (var back = 1; back < maxPointers && frame - back >= 0; back++)
            if (others.TryGetValue(frame - back, out var entry)) pointers.Add((entry.Pointer, back));

        var pointerTokens = pointers.Count * TokensPerPointer;
        memory = device.Rent((spatial.Count * cells) + pointerTokens, Channels);
        positions = device.Rent(memory.Rows, Channels);
        for (var i = 0; i < spatial.Count; i++)
        {
            device.Copy(spatial[i].Entry.Features, memory.Slice(i * cells, cells));
            Elementwise.Add(device, spatialPositions, weights.TimeEncoding.Slice(spatial[i].Time, 1), positions.Slice(i * cells, cells));
        }

        var first = spatial.Count * cells;
        for (var i = 0; i < pointers.Count; i++)
            device.Copy(pointers[i].Pointer.Reshape(TokensPerPointer, Channels), memory.Slice(first + (i * TokensPerPointer), TokensPerPointer));
        if (pointers.Count > 0)
            weights.PointerPositions(device, [.. pointers.Select(p => (float)p.Distance / (maxPointers - 1))], positions.Slice(first, pointerTokens));
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
        for (var i = entries - 1; i >= 0; i--) free.Push(new Entry(Frame: -1, features.At(i), pointers.At(i)));
    }
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
        binder.UnusedPair("mask_downsample", 1, 1, 4, 4);
        if (config.Version != Sam2Version.V21) return;
        AbsentObject = binder.Tensor("no_obj_embed_spatial", 1, MemoryEncoder.MemoryChannels);
        pointerTime = binder.Linear("obj_ptr_tpos_proj", MemoryEncoder.MemoryChannels, PointerChannels);
    }

    /// <summary><c>[7, 64]</c>: added to the positions of a spatial memory by its age.</summary>
    public Tensor TimeEncoding { get; }

    /// <summary><c>[256]</c>: added to a frame that has no memory yet.</summary>
    public Tensor NoMemory { get; }

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
