using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tables;

namespace AuralSam2.Models.Sam2;

/// <summary>SAM2 whole: every module of one checkpoint, and the steps of a tracked frame that lie between them (SPEC 4 to 7).</summary>
internal sealed class Sam2Network
{
    private const float MaskScale = 20f;
    private const float MaskShift = -10f;

    private readonly Device device;

    public Sam2Network(Sam2Config config, ParameterBinder binder)
    {
        Config = config;
        device = binder.Device;
        Memory = new MemoryWeights(config, binder);
        ImageEncoder = new ImageEncoder(config, binder);
        PromptEncoder = new PromptEncoder(config, binder);
        MaskDecoder = new MaskDecoder(binder);
        MemoryAttention = new MemoryAttention(config, binder);
        MemoryEncoder = new MemoryEncoder(binder);
        Heads = new SamHeads(config, binder);
        if (binder.Declaring) return;
        var (grid, cells) = (config.Grid, config.Grid * config.Grid);
        ImagePositions = binder.Upload(PositionEncoding.Sine2D(grid, grid, FpnNeck.Channels), cells, FpnNeck.Channels);
        MemoryPositions = binder.Upload(PositionEncoding.Sine2D(grid, grid, MemoryEncoder.MemoryChannels), cells, MemoryEncoder.MemoryChannels);
    }

    public Sam2Config Config { get; }

    public MemoryWeights Memory { get; }

    public ImageEncoder ImageEncoder { get; }

    public PromptEncoder PromptEncoder { get; }

    public MaskDecoder MaskDecoder { get; }

    public MemoryAttention MemoryAttention { get; }

    public MemoryEncoder MemoryEncoder { get; }

    public SamHeads Heads { get; }

    /// <summary>Sine positions of the stride-16 grid, <c>[grid * grid, 256]</c>.</summary>
    public Tensor ImagePositions { get; }

    /// <summary>Sine positions of memories, <c>[grid * grid, 64]</c>.</summary>
    public Tensor MemoryPositions { get; }

    /// <summary>The frame as the decoder sees it: conditioned on memory, or marked as having none.</summary>
    /// <param name="features"><c>[grid * grid, 256]</c>: stride-16 map.</param>
    /// <param name="bank">Memories; null on a conditioning frame.</param>
    /// <param name="frame">Frame number.</param>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="y"><c>[grid * grid, 256]</c>.</param>
    public void Condition(Tensor features, MemoryBank? bank, int frame, int frames, Tensor y)
    {
        if (bank is null)
        {
            Elementwise.Add(device, features, Memory.NoMemory, y);
            return;
        }

        using var scope = device.Scope();
        Condition(MemoryAttention.Open(features, ImagePositions), bank, frame, frames, reverse: false, y);
    }

    /// <summary>The frame as the decoder sees it for one object of several.</summary>
    /// <param name="opening">The frame, begun once for all objects.</param>
    /// <param name="bank">What the object remembers.</param>
    /// <param name="frame">Frame number.</param>
    /// <param name="frames">Frames of the clip.</param>
    /// <param name="reverse">Whether time runs backwards.</param>
    /// <param name="y"><c>[grid * grid, 256]</c>.</param>
    public void Condition(in MemoryAttention.Opening opening, MemoryBank bank, int frame, int frames, bool reverse, Tensor y)
    {
        using var scope = device.Scope();
        var pointerTokens = bank.Gather(frame, frames, MemoryPositions, out var memory, out var positions, reverse);
        MemoryAttention.Forward(opening, memory, positions, pointerTokens, y);
    }

    /// <summary>Writes the memory of a frame whose mask came from a prompt: binarised.</summary>
    /// <param name="features"><c>[grid * grid, 256]</c>: stride-16 map.</param>
    /// <param name="mask">The chosen mask and its pointer.</param>
    /// <param name="entry">Where the memory goes.</param>
    public void Remember(Tensor features, in SelectedMask mask, in MemoryBank.Entry entry)
    {
        Remember(features, mask.HighMask, mask.ObjectLogit, entry.Features, binarise: true);
        device.Copy(mask.Pointer, entry.Pointer);
    }

    /// <summary>Writes the spatial memory of a frame.</summary>
    /// <param name="features"><c>[grid * grid, 256]</c>: stride-16 map.</param>
    /// <param name="mask">Logits <c>[size, size]</c>.</param>
    /// <param name="objectLogit"><c>[1, 1]</c>, above 0: the object is there.</param>
    /// <param name="memory"><c>[grid * grid, 64]</c>.</param>
    /// <param name="binarise">Whether the mask came from a prompt and counts as certain; otherwise as its probability.</param>
    public void Remember(Tensor features, Tensor mask, Tensor objectLogit, Tensor memory, bool binarise)
    {
        using var scope = device.Scope();
        var (grid, size) = (Config.Grid, Config.ImageSize);
        Tensor scaled = device.Rent(size, size, 1), plane = scaled.Reshape(size, size);
        if (binarise)
        {
            Elementwise.Threshold(device, mask, plane, 0f, MaskShift, MaskScale + MaskShift);
        }
        else
        {
            Elementwise.Map(device, mask, plane, Activation.Sigmoid);
            Elementwise.Map(device, plane, plane, Activation.None, MaskScale, MaskShift);
        }

        MemoryEncoder.Forward(features.Reshape(grid, grid, FpnNeck.Channels), scaled, memory.Reshape(grid, grid, MemoryEncoder.MemoryChannels));
        if (Memory.AbsentObject.IsEmpty) return;
        var absent = device.Rent(memory.Rows, memory.Columns);
        Elementwise.Add(device, memory, Memory.AbsentObject, absent);
        Select.Where(device, objectLogit, memory, absent, memory);
    }
}
