namespace AuralSam2.Kernels.Ops;

/// <summary>Patches to and from images on the CPU: under a row of the kernel a patch is one stretch of a channel-last image.</summary>
internal static unsafe class Conv2dGradientCpu
{
    public static void Unfold(CpuDevice device, Tensor x, ConvPatches grid, int firstLine, Tensor patches)
    {
        if (patches.Length == 0) return;
        var pitch = (nint)grid.Width * grid.Channels;
        device.Pool.For(patches.Rows / grid.OutputWidth, (item, _) =>
        {
            var (image, row) = Math.DivRem(firstLine + item, grid.OutputHeight);
            var target = patches.Pointer + ((nint)item * grid.OutputWidth * grid.Inputs);
            for (var column = 0; column < grid.OutputWidth; column++)
            {
                var (left, before, end) = Inside(grid, column);
                for (var ky = 0; ky < grid.Kernel; ky++, target += grid.Kernel * grid.Channels)
                {
                    var line = (row * grid.Stride) - grid.Padding + ky;
                    var to = new Span<float>(target, grid.Kernel * grid.Channels);
                    if ((uint)line >= (uint)grid.Height || before >= end)
                    {
                        to.Clear();
                        continue;
                    }

                    var from = x.Pointer + ((((nint)image * grid.Height) + line) * pitch) + ((nint)(left + before) * grid.Channels);
                    to[..(before * grid.Channels)].Clear();
                    new ReadOnlySpan<float>(from, (end - before) * grid.Channels).CopyTo(to[(before * grid.Channels)..]);
                    to[(end * grid.Channels)..].Clear();
                }
            }
        });
    }

    /// <summary>A line of the image is an item: what overlaps there is added by one thread, output lines in order.</summary>
    public static void Fold(CpuDevice device, Tensor patches, ConvPatches grid, int firstLine, Tensor x)
    {
        if (patches.Length == 0) return;
        var pitch = (nint)grid.Width * grid.Channels;
        var lastLine = firstLine + (patches.Rows / grid.OutputWidth) - 1;
        var (first, end) = grid.LinesUnder(firstLine, patches.Rows / grid.OutputWidth);
        device.Pool.For(Math.Max(0, end - first), (item, _) =>
        {
            var (image, line) = Math.DivRem(first + item, grid.Height);
            var target = x.Pointer + ((((nint)image * grid.Height) + line) * pitch);
            for (var ky = grid.Kernel - 1; ky >= 0; ky--)
            {
                var (row, rest) = Math.DivRem(line + grid.Padding - ky, grid.Stride);
                var outputLine = (image * grid.OutputHeight) + row;
                if (rest != 0 || (uint)row >= (uint)grid.OutputHeight || outputLine < firstLine || outputLine > lastLine) continue;
                var source = patches.Pointer + ((nint)(outputLine - firstLine) * grid.OutputWidth * grid.Inputs) +
                    ((nint)ky * grid.Kernel * grid.Channels);
                for (var column = 0; column < grid.OutputWidth; column++, source += grid.Inputs)
                {
                    var (left, before, after) = Inside(grid, column);
                    if (before >= after) continue;
                    var to = target + ((nint)(left + before) * grid.Channels);
                    ElementwiseCpu.AddRow(device.Isa, (after - before) * grid.Channels, to, source + ((nint)before * grid.Channels), to, 1f);
                }
            }
        });
    }

    /// <summary>First pixel of a patch, and the kernel columns of it that lie in the image.</summary>
    private static (int Left, int Before, int End) Inside(in ConvPatches grid, int column)
    {
        var left = (column * grid.Stride) - grid.Padding;
        return (left, Math.Max(0, -left), Math.Min(grid.Kernel, grid.Width - left));
    }
}
