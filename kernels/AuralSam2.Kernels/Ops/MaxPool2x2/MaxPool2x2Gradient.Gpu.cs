using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>The gradient of pooling on a GPU: a thread owns four channels of a block, and every element of x and dx is touched once.</summary>
internal static class MaxPool2x2GradientGpu
{
    public static readonly GpuKernel<Arguments> Kernel = new(MaxPool2x2Back, groupSize: 256);

    /// <summary>Arguments of <see cref="MaxPool2x2Back"/>.</summary>
    /// <param name="Dy"><c>[images * (height / 2) * (width / 2), channels]</c>.</param>
    /// <param name="X"><c>[images * height * width, channels]</c>.</param>
    /// <param name="Dx">As x; added to.</param>
    /// <param name="Height">Rows of an input image.</param>
    /// <param name="Width">Pixels of a row of it.</param>
    /// <param name="Walk">Over <paramref name="Dy"/>.</param>
    public readonly record struct Arguments(RowView Dy, RowView X, RowView Dx, int Height, int Width, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor dy, Tensor x, Tensor dx)
    {
        var (walk, size) = (RowQuads.Of(dy.Rows, dy.Columns, dy, x, dx), device.GroupSize(Kernel));
        var arguments = new Arguments(device.Rows(dy), device.Rows(x), device.Rows(dx), x.Shape[^3], x.Shape[^2], walk);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void MaxPool2x2Back(Arguments arguments)
    {
        var (pixel, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var columns = arguments.Width / 2;
        var row = pixel / columns; // of all images, one below the other
        var image = row / (arguments.Height / 2);
        var top = (((2 * row) + (image * (arguments.Height & 1))) * arguments.Width) + (2 * (pixel - (row * columns)));
        var below = top + arguments.Width;
        Float4 a = arguments.X.Load(top, quad), b = arguments.X.Load(top + 1, quad);
        Float4 c = arguments.X.Load(below, quad), d = arguments.X.Load(below + 1, quad);
        Float4 da = arguments.Dx.Load(top, quad), db = arguments.Dx.Load(top + 1, quad);
        Float4 dc = arguments.Dx.Load(below, quad), dd = arguments.Dx.Load(below + 1, quad);
        var dy = arguments.Dy.Load(pixel, quad);
        var largest = SimtMath.Max(SimtMath.Max(a, b), SimtMath.Max(c, d));
        var left = dy;
        arguments.Dx.Store(top, quad, da.MultiplyAdd(1f, Smaller(a, largest, default, left)));
        left = Smaller(a, largest, left, default);
        arguments.Dx.Store(top + 1, quad, db.MultiplyAdd(1f, Smaller(b, largest, default, left)));
        left = Smaller(b, largest, left, default);
        arguments.Dx.Store(below, quad, dc.MultiplyAdd(1f, Smaller(c, largest, default, left)));
        left = Smaller(c, largest, left, default);
        arguments.Dx.Store(below + 1, quad, dd.MultiplyAdd(1f, left));
    }

    /// <summary>Element by element, yes where a value is smaller than the largest, otherwise no.</summary>
    private static Float4 Smaller(Float4 value, Float4 largest, Float4 yes, Float4 no) => new(
        value.X < largest.X ? yes.X : no.X, value.Y < largest.Y ? yes.Y : no.Y,
        value.Z < largest.Z ? yes.Z : no.Z, value.W < largest.W ? yes.W : no.W);
}
