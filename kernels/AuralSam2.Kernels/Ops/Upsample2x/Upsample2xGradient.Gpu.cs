using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>The gradient of the step on a GPU: a thread owns four channels of a pixel of dx and reads its four descendants.</summary>
internal static class Upsample2xGradientGpu
{
    public static readonly GpuKernel<Arguments> Kernel = new(Upsample2xBack, groupSize: 256);

    /// <summary>Arguments of <see cref="Upsample2xBack"/>.</summary>
    /// <param name="Dy"><c>[4 * height * width, channels]</c>.</param>
    /// <param name="Dx"><c>[height * width, channels]</c>; added to.</param>
    /// <param name="Width">Pixels of a row of dx.</param>
    /// <param name="Walk">Over <paramref name="Dx"/>.</param>
    public readonly record struct Arguments(RowView Dy, RowView Dx, int Width, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor dy, Tensor dx)
    {
        var (walk, size) = (RowQuads.Of(dx.Rows, dx.Columns, dy, dx), device.GroupSize(Kernel));
        device.Launch(Kernel, walk.Groups(size), size, 0, new Arguments(device.Rows(dy), device.Rows(dx), dx.Shape[1], walk));
    }

    internal static void Upsample2xBack(Arguments arguments)
    {
        var (pixel, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var (width, row) = (arguments.Width, pixel / arguments.Width);
        var top = 2 * (pixel + (row * width)); // row 2 r of twice the width, column 2 c
        var below = top + (2 * width);
        Float4 a = arguments.Dy.Load(top, quad), b = arguments.Dy.Load(top + 1, quad);
        Float4 c = arguments.Dy.Load(below, quad), d = arguments.Dy.Load(below + 1, quad);
        var sum = a.MultiplyAdd(1f, b).MultiplyAdd(1f, c.MultiplyAdd(1f, d));
        arguments.Dx.Store(pixel, quad, sum.MultiplyAdd(1f, arguments.Dx.Load(pixel, quad)));
    }
}
