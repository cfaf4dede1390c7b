using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// One object on one frame: prompts and features become a mask, an object pointer and scores (SPEC 4, 7), and those a memory.
/// </summary>
internal sealed class PromptedHeads(Sam2Network network, Device device)
{
    /// <summary>Share of a resized mask's pixel from which on it belongs to the mask.</summary>
    private const float MaskCut = 0.5f;

    private const float CertainLogit = 10f;

    /// <summary>Largest magnitude of an earlier mask's logits when it is a prompt.</summary>
    private const float PriorLimit = 32f;

    private readonly int edge = network.Config.ImageSize;
    private readonly int lowEdge = 4 * network.Config.Grid;

    /// <summary>Decodes a frame.</summary>
    /// <param name="frame">Its maps.</param>
    /// <param name="conditioned"><c>[grid * grid, 256]</c>: its features after memory, or marked as without.</param>
    /// <param name="points">In pixels of the model's input; none on a tracked frame.</param>
    /// <param name="mask">Logits <c>[4 grid, 4 grid]</c>, or empty.</param>
    /// <param name="entry">Receives mask, pointer and scores.</param>
    /// <returns>The mask at input size, <c>[size, size]</c>, rented in the caller's scope.</returns>
    public Tensor Decode(in EncodedFrame frame, Tensor conditioned, IReadOnlyList<PromptPoint> points, Tensor mask, in MemoryBank.Entry entry)
    {
        var selected = Select(frame, conditioned, points, mask, multimask: points.Count <= 1);
        device.Copy(selected.LowMask, entry.Mask);
        device.Copy(selected.Pointer, entry.Pointer);
        device.Copy(selected.ObjectLogit, entry.ObjectLogit);
        Kernels.Ops.Select.Best(device, selected.Ious, selected.Ious.Reshape(selected.Ious.Columns, 1), entry.Iou);
        return selected.HighMask;
    }

    /// <summary>Takes a mask as the answer; the decoder only makes the pointer.</summary>
    /// <param name="frame">Its maps.</param>
    /// <param name="mask"><c>[height, width]</c> of the frame: every byte but 0 is on the object.</param>
    /// <param name="height">Rows of the frame.</param>
    /// <param name="width">Pixels of one row.</param>
    /// <param name="entry">Receives mask, pointer and scores.</param>
    public void Adopt(in EncodedFrame frame, ReadOnlySpan<byte> mask, int height, int width, in MemoryBank.Entry entry)
    {
        using var scope = device.Scope();
        var values = new float[mask.Length];
        for (var i = 0; i < mask.Length; i++) values[i] = mask[i] != 0 ? 1 : 0;
        Tensor given = device.Rent(height, width), on = device.Rent(edge, edge), logits = device.Rent(edge, edge);
        device.Upload(values, given);
        Resize.Forward(device, given, on, ResizeMode.BilinearAntialiased);
        Elementwise.Threshold(device, on, on, MathF.BitDecrement(MaskCut), 0, 1);
        Elementwise.Map(device, on, logits, Activation.None, 2 * CertainLogit, -CertainLogit);
        Resize.Forward(device, logits, entry.Mask, ResizeMode.BilinearAntialiased);

        var reduced = device.Rent(lowEdge, lowEdge, 1);
        Conv2d.Forward(device, on.Reshape(edge, edge, 1), network.Memory.MaskReduction, reduced);
        var pointer = Select(frame, frame.Features, [], reduced.Reshape(lowEdge, lowEdge), multimask: false).Pointer;
        var isThere = device.Download(on).AsSpan().ContainsAnyExcept(0f);
        device.Copy(isThere ? pointer : network.Heads.AbsentPointer, entry.Pointer);
        device.Fill(entry.ObjectLogit, isThere ? CertainLogit : -CertainLogit);
        device.Fill(entry.Iou, 1);
    }

    /// <summary>An earlier mask as a prompt: its logits, limited.</summary>
    /// <returns><c>[4 grid, 4 grid]</c>, rented in the caller's scope.</returns>
    public Tensor Prior(Tensor mask)
    {
        var logits = device.Download(mask);
        for (var i = 0; i < logits.Length; i++) logits[i] = Math.Clamp(logits[i], -PriorLimit, PriorLimit);
        var prior = device.Rent(lowEdge, lowEdge);
        device.Upload(logits, prior);
        return prior;
    }

    /// <summary>Writes the spatial memory of a frame that was prompted, from its low-resolution mask.</summary>
    public void Remember(in EncodedFrame frame, in MemoryBank.Entry entry)
    {
        using var scope = device.Scope();
        var high = device.Rent(edge, edge);
        Resize.Forward(device, entry.Mask, high, ResizeMode.Bilinear);
        Remember(frame, high, entry, binarise: true);
    }

    /// <summary>Writes the spatial memory of a frame.</summary>
    public void Remember(in EncodedFrame frame, Tensor high, in MemoryBank.Entry entry, bool binarise)
    {
        network.Remember(frame.Features, high, entry.ObjectLogit, entry.Features, binarise);
        RoundToBFloat16(entry.Features);
    }

    private SelectedMask Select(in EncodedFrame frame, Tensor image, IReadOnlyList<PromptPoint> points, Tensor mask, bool multimask)
    {
        var source = device.Rent(image.Rows, image.Columns);
        network.PromptEncoder.AddDense(image, mask, source);
        // Without points there still is one, that says so; the encoder appends another as always.
        var sparse = network.PromptEncoder.Sparse(points.Count > 0 ? [.. points] : [new PromptPoint(0, 0, PointLabel.Padding)]);
        var decoded = network.MaskDecoder.Forward(
            source, network.PromptEncoder.DensePositions, sparse, frame.Stride4, frame.Stride8, frame.Sound);
        return network.Heads.Select(decoded, SelectionOptions.Official(multimask));
    }

    /// <summary>
    /// Rounds to the 8 significant bits of bfloat16, in which SAM2's predictor stores memories: c = (2^16 + 1) x; x' = c - (c - x)
    /// (Dekker 1971, splitting of a number).
    /// </summary>
    private void RoundToBFloat16(Tensor x)
    {
        const float split = (1 << 16) + 1;
        using var scope = device.Scope();
        Tensor scaled = device.Rent(x.Rows, x.Columns), rest = device.Rent(x.Rows, x.Columns);
        Elementwise.Map(device, x, scaled, Activation.None, split);
        Elementwise.Add(device, scaled, x, rest, -1);
        Elementwise.Add(device, scaled, rest, x, -1);
    }
}
