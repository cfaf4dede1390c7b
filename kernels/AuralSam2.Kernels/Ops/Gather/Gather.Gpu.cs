using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>A thread moves four columns of a row.</summary>
internal static class GatherGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<Arguments> Kernel = new(GatherRows, Threads);

    /// <summary>Arguments of <see cref="GatherRows"/>; <paramref name="Back"/>: 1 adds rows of y to the table's.</summary>
    public readonly record struct Arguments(RowView X, RowView Index, RowView Y, int Back, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, Tensor index, Tensor y, bool back)
    {
        var (walk, size) = (RowQuads.Of(y.Rows, y.Columns, x, y), device.GroupSize(Kernel));
        var arguments = new Arguments(device.Rows(x), device.Rows(index.Reshape(1, y.Rows)), device.Rows(y), back ? 1 : 0, walk);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void GatherRows(Arguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var source = (int)arguments.Index[0, row];
        if (arguments.Back == 0) arguments.Y.Store(row, quad, arguments.X.Load(source, quad));
        else arguments.X.Store(source, quad, arguments.X.Load(source, quad) + arguments.Y.Load(row, quad));
    }
}
