using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Patches of channel-last images, one per output pixel: <c>[kernel row, kernel column, channel]</c>, zero outside the image.
/// </summary>
/// <param name="Height">Rows of an image.</param>
/// <param name="Width">Columns of an image.</param>
/// <param name="Channels">Input channels.</param>
/// <param name="Kernel">Edge of a patch.</param>
/// <param name="Stride">Step from patch to patch.</param>
/// <param name="Padding">Zeros around the image.</param>
/// <param name="PatchesDown">Patches below each other.</param>
/// <param name="PatchesAcross">Patches abreast.</param>
/// <param name="Patches">Patches of all images.</param>
internal readonly record struct PatchGrid(
    int Height, int Width, int Channels, int Kernel, int Stride, int Padding, int PatchesDown, int PatchesAcross, int Patches)
{
    /// <summary>Length of a patch.</summary>
    public int Inputs => Kernel * Kernel * Channels;

    /// <summary>The only divisions: behind the last patch lies the last patch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor At(int patch, int input)
    {
        patch = IntrinsicMath.Min(patch, Patches - 1);
        var (line, column) = Divide(patch, PatchesAcross);
        var (image, row) = Divide(line, PatchesDown);
        var (tap, channel) = Divide(input, Channels);
        var (kernelRow, kernelColumn) = Divide(tap, Kernel);
        return new(image * Height, (row * Stride) - Padding, (column * Stride) - Padding, kernelRow, kernelColumn, channel);
    }

    /// <summary>Onwards in the patch, by at least one input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Skip(PatchCursor cursor, int inputs)
    {
        var (row, column, channel) = (cursor.KernelRow, cursor.KernelColumn, cursor.Channel + inputs);
        while (channel >= Channels)
        {
            channel -= Channels;
            column++;
            if (column < Kernel) continue;
            column = 0;
            row++;
        }

        return new(cursor.FirstLine, cursor.Top, cursor.Left, row, column, channel);
    }

    /// <summary>The same place in a later patch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Down(PatchCursor cursor, int patch, int patches)
    {
        var step = IntrinsicMath.Max(0, IntrinsicMath.Min(patches, Patches - 1 - patch));
        var (line, top, left) = (cursor.FirstLine, cursor.Top, cursor.Left + (step * Stride));
        while (left + Padding >= PatchesAcross * Stride)
        {
            left -= PatchesAcross * Stride;
            top += Stride;
            if (top + Padding < PatchesDown * Stride) continue;
            top = -Padding;
            line += Height;
        }

        return new(line, top, left, cursor.KernelRow, cursor.KernelColumn, cursor.Channel);
    }

    /// <summary>Whether the place lies in the patch and in the image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Holds(PatchCursor cursor) =>
        (uint)(cursor.Top + cursor.KernelRow) < (uint)Height & (uint)(cursor.Left + cursor.KernelColumn) < (uint)Width & cursor.KernelRow < Kernel;

    /// <summary>The pixel of a place that lies in the image, counted over all images.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Pixel(PatchCursor cursor) =>
        ((cursor.FirstLine + cursor.Top + cursor.KernelRow) * Width) + cursor.Left + cursor.KernelColumn;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int Quotient, int Remainder) Divide(int value, int divisor)
    {
        var quotient = value / divisor;
        return (quotient, value - (quotient * divisor));
    }
}

/// <summary>A place in a patch: the patch's corner, and the tap and channel in it.</summary>
/// <param name="firstLine">First line of the image, counted over all images.</param>
/// <param name="top">Line of the patch's corner in the image; negative in the padding.</param>
/// <param name="left">Its column.</param>
/// <param name="kernelRow">Line in the patch.</param>
/// <param name="kernelColumn">Column in the patch.</param>
/// <param name="channel">Channel.</param>
internal readonly struct PatchCursor(int firstLine, int top, int left, int kernelRow, int kernelColumn, int channel)
{
    public readonly int FirstLine = firstLine;
    public readonly int Top = top;
    public readonly int Left = left;
    public readonly int KernelRow = kernelRow;
    public readonly int KernelColumn = kernelColumn;
    public readonly int Channel = channel;
}

/// <summary>Patches of images whose channels and address are multiples of four: four channels of one pixel are one 128-bit load.</summary>
internal readonly struct QuadPatches(ArrayView<float> x, PatchGrid grid) : IRowSource<PatchCursor>
{
    private readonly ArrayView<Float4> quads = x.Cast<Float4>();
    private readonly PatchGrid grid = grid;
    private readonly int inputs = grid.Inputs;
    private readonly int pixelQuads = grid.Channels / 4;

    /// <inheritdoc/>
    public int Inputs => inputs;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor At(int row, int input) => grid.At(row, input);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Skip(PatchCursor cursor, int inputs) => grid.Skip(cursor, inputs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Down(PatchCursor cursor, int row, int rows) => grid.Down(cursor, row, rows);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(PatchCursor cursor) => grid.Holds(cursor) ? quads[(grid.Pixel(cursor) * pixelQuads) + (cursor.Channel >> 2)] : default;
}

/// <summary>Patches of any images, channel by channel: four inputs may belong to four pixels.</summary>
internal readonly struct ScalarPatches(ArrayView<float> x, PatchGrid grid) : IRowSource<PatchCursor>
{
    private readonly ArrayView<float> x = x;
    private readonly PatchGrid grid = grid;
    private readonly int inputs = grid.Inputs;

    /// <inheritdoc/>
    public int Inputs => inputs;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor At(int row, int input) => grid.At(row, input);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Skip(PatchCursor cursor, int inputs) => grid.Skip(cursor, inputs);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PatchCursor Down(PatchCursor cursor, int row, int rows) => grid.Down(cursor, row, rows);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Read(PatchCursor cursor)
    {
        var second = grid.Skip(cursor, 1);
        var third = grid.Skip(second, 1);
        return new(One(cursor), One(second), One(third), One(grid.Skip(third, 1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float One(PatchCursor cursor) => grid.Holds(cursor) ? x[((long)grid.Pixel(cursor) * grid.Channels) + cursor.Channel] : 0f;
}
