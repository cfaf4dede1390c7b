using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>A thread reads four channels of a pixel once and adds them to its four descendants.</summary>
internal static class Upsample2xGpu
{
    public static readonly GpuKernel<Arguments> Kernel = new(Upsample2xAdd, groupSize: 256);

    /// <summary>Arguments of <see cref="Upsample2xAdd"/>.</summary>
    /// <param name="X"><c>[height * width, channels]</c>.</param>
    /// <param name="Y"><c>[4 * height * width, channels]</c>.</param>
    /// <param name="Width">Pixels of a row of x.</param>
    /// <param name="Walk">Over <paramref name="X"/>.</param>
    public readonly record struct Arguments(RowView X, RowView Y, int Width, RowQuads Walk);

    public static void AddNearest(IlgpuDevice device, Tensor x, Tensor y)
    {
        var (walk, size) = (RowQuads.Of(x.Rows, x.Columns, x, y), device.GroupSize(Kernel));
        device.Launch(Kernel, walk.Groups(size), size, 0, new Arguments(device.Rows(x), device.Rows(y), x.Shape[1], walk));
    }

    internal static void Upsample2xAdd(Arguments arguments)
    {
        var (pixel, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var (width, row) = (arguments.Width, pixel / arguments.Width);
        var top = 2 * (pixel + (row * width)); // row 2 r of twice the width, column 2 c
        var below = top + (2 * width);
        var x = arguments.X.Load(pixel, quad);
        // All loads before the first store: the compiler cannot know that they do not overlap.
        Float4 a = arguments.Y.Load(top, quad), b = arguments.Y.Load(top + 1, quad);
        Float4 c = arguments.Y.Load(below, quad), d = arguments.Y.Load(below + 1, quad);
        arguments.Y.Store(top, quad, x.MultiplyAdd(1f, a));
        arguments.Y.Store(top + 1, quad, x.MultiplyAdd(1f, b));
        arguments.Y.Store(below, quad, x.MultiplyAdd(1f, c));
        arguments.Y.Store(below + 1, quad, x.MultiplyAdd(1f, d));
    }
}
