using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>Pooling on a GPU: a thread makes four channels of an output pixel, each input is read once.</summary>
internal static class MaxPool2x2Gpu
{
    public static readonly GpuKernel<Arguments> Kernel = new(MaxPool2x2Pixels, groupSize: 256);

    /// <summary>Arguments of <see cref="MaxPool2x2Pixels"/>.</summary>
    /// <param name="X"><c>[images * height * width, channels]</c>.</param>
    /// <param name="Y"><c>[images * (height / 2) * (width / 2), channels]</c>.</param>
    /// <param name="Height">Rows of an input image.</param>
    /// <param name="Width">Pixels of a row of it.</param>
    /// <param name="Walk">Over <paramref name="Y"/>.</param>
    public readonly record struct Arguments(RowView X, RowView Y, int Height, int Width, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, Tensor y)
    {
        var (walk, size) = (RowQuads.Of(y.Rows, y.Columns, x, y), device.GroupSize(Kernel));
        device.Launch(Kernel, walk.Groups(size), size, 0, new Arguments(device.Rows(x), device.Rows(y), x.Shape[^3], x.Shape[^2], walk));
    }

    internal static void MaxPool2x2Pixels(Arguments arguments)
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
        arguments.Y.Store(pixel, quad, SimtMath.Max(SimtMath.Max(a, b), SimtMath.Max(c, d)));
    }
}
