using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>A remembered frame: <c>[cells, 64]</c> and its object pointer <c>[1, 256]</c>.</summary>
internal sealed record PeerMemory(Tensor Features, Tensor Pointer);

/// <summary>The chosen answer: logits at input size <c>[size, size]</c>, predicted IoUs <c>[1, 3]</c>, object pointer <c>[1, 256]</c>.</summary>
internal sealed record PeerAnswer(Tensor Mask, Tensor Ious, Tensor Pointer);

/// <summary>The steps of a tracked frame: condition on memories, decode, choose, remember. What they return, the caller disposes.</summary>
internal sealed class TorchTracker
{
    private const int Channels = 256;
    private const int MemoryChannels = 64;
    private const int SpatialMemories = 7;

    private readonly int imageSize;
    private readonly TorchMemoryAttention attention;
    private readonly TorchMemoryEncoder encoder;
    private readonly Linear[] pointerHead;
    private readonly Tensor absentPointer;
    private readonly Tensor noMemory;
    private readonly Tensor memoryPositions; // [7, cells, 64]: sine of the cell plus code of the memory's age

    public TorchTracker(int imageSize, PeerParameters parameters)
    {
        this.imageSize = imageSize;
        var grid = imageSize / 16;
        Decoder = new TorchMaskDecoder(grid, parameters);
        attention = new TorchMemoryAttention(grid, parameters);
        encoder = new TorchMemoryEncoder(parameters);
        pointerHead = parameters.Mlp("obj_ptr_proj", Channels, Channels, Channels, Channels);
        absentPointer = parameters.Parameter("no_obj_ptr", 1, Channels);
        noMemory = parameters.Own(RuleTensors.Parameter("no_mem_embed", 1, 1, Channels).view(Channels));
        var time = RuleTensors.Parameter("maskmem_tpos_enc", SpatialMemories, 1, 1, MemoryChannels).view(SpatialMemories, 1, MemoryChannels);
        memoryPositions = parameters.Own(time + Encodings.Sine2D(grid, MemoryChannels));
    }

    public TorchMaskDecoder Decoder { get; }

    /// <summary>The stride-16 map <c>[cells, 256]</c> of the frame that starts the memory.</summary>
    public Tensor Start(Tensor features) => features + noMemory;

    /// <summary>The stride-16 map <c>[cells, 256]</c> of a later frame, conditioned on what it remembers.</summary>
    /// <param name="features"><c>[cells, 256]</c>.</param>
    /// <param name="conditioning">The memory of the frame that started.</param>
    /// <param name="before">Memories of the frames before, the latest last: six count with their maps, fifteen with their pointers.</param>
    public Tensor Condition(Tensor features, PeerMemory conditioning, IReadOnlyList<PeerMemory> before)
    {
        using var scope = NewDisposeScope();
        var spatial = before.TakeLast(SpatialMemories - 1).Select(entry => entry.Features).Prepend(conditioning.Features).ToArray();
        var pointers = before.TakeLast(15).Reverse().Select(entry => entry.Pointer).Prepend(conditioning.Pointer).ToArray();
        var pointerTokens = cat(pointers).view(-1, MemoryChannels);
        var memory = cat([.. spatial, pointerTokens]);

        // The conditioning frame has code 6, the frame before code 0; object pointers have no positions (SAM2 2.0).
        var placed = memory.clone();
        var cells = features.shape[0];
        for (var i = 0; i < spatial.Length; i++)
            placed.narrow(0, i * cells, cells).add_(memoryPositions[i == 0 ? SpatialMemories - 1 : spatial.Length - 1 - i]);
        return attention.Forward(features, memory, placed, pointerTokens.shape[0]).MoveToOuterDisposeScope();
    }

    /// <summary>The mask with the highest predicted IoU of the last three, enlarged, and the object's pointer.</summary>
    public PeerAnswer Choose(PeerMasks masks)
    {
        using var scope = NewDisposeScope();
        var ious = masks.Ious.narrow(1, 1, 3).clone();
        var best = 1 + ious.argmax().item<long>();
        var mask = Resize(masks.Masks[best].view(imageSize / 4, imageSize / 4), imageSize, imageSize);
        var pointer = where(masks.ObjectLogit.gt(0), pointerHead.Forward(masks.Tokens.narrow(0, best, 1)), absentPointer);
        return new PeerAnswer(
            mask.MoveToOuterDisposeScope(), ious.MoveToOuterDisposeScope(), pointer.MoveToOuterDisposeScope());
    }

    /// <summary>A mask <c>[h, w]</c> in another size, bilinear.</summary>
    public static Tensor Resize(Tensor mask, int height, int width) =>
        F.interpolate(mask.unsqueeze(0).unsqueeze(0), size: [height, width], mode: InterpolationMode.Bilinear, align_corners: false)[0, 0];

    /// <summary>The frame's spatial memory, <c>[cells, 64]</c>.</summary>
    public Tensor Remember(Tensor features, Tensor mask) => encoder.Forward(features, mask);
}
