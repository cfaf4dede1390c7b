using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Patches to and from images on a GPU: a thread moves four neighbouring inputs of a patch, or makes four channels of a pixel.</summary>
internal static class Conv2dGradientGpu
{
    public static readonly GpuKernel<UnfoldArguments<QuadPatches>> UnfoldKernel = new(PatchesUnfold, groupSize: 256);
    public static readonly GpuKernel<UnfoldArguments<ScalarPatches>> UnfoldScalarsKernel = new(PatchesUnfoldScalars, groupSize: 256);
    public static readonly GpuKernel<FoldArguments> FoldKernel = new(PatchesFold, groupSize: 256);

    /// <summary>Arguments of <see cref="PatchesUnfold"/>.</summary>
    /// <param name="Source">Patches where they lie.</param>
    /// <param name="First">The first patch.</param>
    /// <param name="Patches"><c>[patches, kernel * kernel * channels]</c>.</param>
    /// <param name="Walk">Over <paramref name="Patches"/>.</param>
    public readonly record struct UnfoldArguments<TSource>(TSource Source, int First, RowView Patches, RowQuads Walk)
        where TSource : struct;

    /// <summary>Arguments of <see cref="PatchesFold"/>.</summary>
    /// <param name="Patches"><c>[patches, kernel * kernel * channels]</c>.</param>
    /// <param name="X"><c>[images * height * width, channels]</c>; added to.</param>
    /// <param name="Grid">Where the patches lie.</param>
    /// <param name="FirstPatchLine">Output line of the first patch, of all images.</param>
    /// <param name="FirstLine">The first line of x that is walked over, of all images.</param>
    /// <param name="Walk">Over the lines of x that patches can touch.</param>
    public readonly record struct FoldArguments(
        RowView Patches, RowView X, ConvPatches Grid, int FirstPatchLine, int FirstLine, RowQuads Walk);

    public static void Unfold(IlgpuDevice device, Tensor x, in ConvPatches grid, int firstLine, Tensor patches)
    {
        if (patches.Length == 0) return;
        var places = new PatchGrid(
            grid.Height, grid.Width, grid.Channels, grid.Kernel, grid.Stride, grid.Padding, grid.OutputHeight, grid.OutputWidth,
            grid.Lines * grid.OutputWidth);
        var (walk, first) = (RowQuads.Of(patches.Rows, patches.Columns, patches), firstLine * grid.OutputWidth);
        if (GemmGpu.HasQuads(x))
        {
            var size = device.GroupSize(UnfoldKernel);
            device.Launch(UnfoldKernel, walk.Groups(size), size, 0, new(new(device.View(x), places), first, device.Rows(patches), walk));
        }
        else
        {
            var size = device.GroupSize(UnfoldScalarsKernel);
            device.Launch(UnfoldScalarsKernel, walk.Groups(size), size, 0, new(new(device.View(x), places), first, device.Rows(patches), walk));
        }
    }

    public static void Fold(IlgpuDevice device, Tensor patches, in ConvPatches grid, int firstLine, Tensor x)
    {
        var (first, end) = grid.LinesUnder(firstLine, patches.Rows / grid.OutputWidth);
        if (patches.Length == 0 || end <= first) return;
        var walk = RowQuads.Of((end - first) * grid.Width, grid.Channels, patches, x);
        if (grid.Channels % 4 != 0) walk = walk with { Vector = 0 }; // a tap then begins anywhere
        var size = device.GroupSize(FoldKernel);
        device.Launch(
            FoldKernel, walk.Groups(size), size, 0, new FoldArguments(device.Rows(patches), device.Rows(x), grid, firstLine, first, walk));
    }

    internal static void PatchesUnfold(UnfoldArguments<QuadPatches> arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        arguments.Patches.Store(row, quad, arguments.Source.Read(arguments.Source.At(arguments.First + row, quad.First)));
    }

    internal static void PatchesUnfoldScalars(UnfoldArguments<ScalarPatches> arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        arguments.Patches.Store(row, quad, arguments.Source.Read(arguments.Source.At(arguments.First + row, quad.First)));
    }

    /// <summary>Gathers: the patches over a pixel are added in order, whatever other threads do.</summary>
    internal static void PatchesFold(FoldArguments arguments)
    {
        var (index, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var grid = arguments.Grid;
        var walked = index / grid.Width;
        var column = index - (walked * grid.Width) + grid.Padding; // of the padded image, as is the row below
        var line = arguments.FirstLine + walked;
        var image = line / grid.Height;
        var row = line - (image * grid.Height) + grid.Padding;
        var patchLines = arguments.Patches.Rows / grid.OutputWidth;
        var firstRow = IntrinsicMath.Max(0, (row - grid.Kernel + grid.Stride) / grid.Stride);
        var lastRow = IntrinsicMath.Min(grid.OutputHeight - 1, row / grid.Stride);
        var firstColumn = IntrinsicMath.Max(0, (column - grid.Kernel + grid.Stride) / grid.Stride);
        var lastColumn = IntrinsicMath.Min(grid.OutputWidth - 1, column / grid.Stride);
        var sum = default(Float4);
        for (var i = firstRow; i <= lastRow; i++)
        {
            var patchLine = (image * grid.OutputHeight) + i - arguments.FirstPatchLine;
            if ((uint)patchLine >= (uint)patchLines) continue;
            for (var j = firstColumn; j <= lastColumn; j++)
            {
                var tap = ((row - (i * grid.Stride)) * grid.Kernel) + column - (j * grid.Stride);
                if (column - (j * grid.Stride) >= grid.Kernel | row - (i * grid.Stride) >= grid.Kernel) continue;
                var place = new ColumnQuad((tap * grid.Channels) + quad.First, quad.Count, quad.Vector);
                sum = arguments.Patches.Load((patchLine * grid.OutputWidth) + j, place).MultiplyAdd(1f, sum);
            }
        }

        var pixel = (arguments.FirstLine * grid.Width) + index;
        arguments.X.Store(pixel, quad, sum.MultiplyAdd(1f, arguments.X.Load(pixel, quad)));
    }
}
