using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>A thread turns four pairs of channels: two quads of x, and a quad each of cosines and sines.</summary>
internal static class RopeGpu
{
    public static readonly GpuKernel<Arguments> Kernel = new(RopeRotate, groupSize: 256);

    /// <summary>Arguments of <see cref="RopeRotate"/>.</summary>
    /// <param name="X"><c>[rows, 2 * pairs]</c>, turned in place.</param>
    /// <param name="Cos"><c>[positions, pairs]</c>.</param>
    /// <param name="Sin"><c>[positions, pairs]</c>.</param>
    /// <param name="Walk">Over rows to turn x pairs.</param>
    public readonly record struct Arguments(RowView X, RowView Cos, RowView Sin, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, RopeTable table, int rows)
    {
        var (walk, size) = (RowQuads.Of(rows, table.Cos.Columns, x, table.Cos, table.Sin), device.GroupSize(Kernel));
        device.Launch(Kernel, walk.Groups(size), size, 0, new Arguments(device.Rows(x), device.Rows(table.Cos), device.Rows(table.Sin), walk));
    }

    internal static void RopeRotate(Arguments arguments)
    {
        var (row, pairs) = arguments.Walk.OfThisThread();
        if (pairs.IsEmpty) return;
        var position = row % arguments.Cos.Rows;
        Float4 cos = arguments.Cos.Load(position, pairs), sin = arguments.Sin.Load(position, pairs);
        var left = new ColumnQuad(2 * pairs.First, 2 * pairs.Count, pairs.Vector);
        var right = new ColumnQuad(left.First + 4, left.Count - 4, pairs.Vector);
        Float4 a = arguments.X.Load(row, left), b = arguments.X.Load(row, right);
        arguments.X.Store(row, left, Turn(a, cos.X, sin.X, cos.Y, sin.Y));
        arguments.X.Store(row, right, Turn(b, cos.Z, sin.Z, cos.W, sin.W));
    }

    /// <summary>Two complex numbers (x, y) and (z, w), each times cos + i sin.</summary>
    private static Float4 Turn(Float4 v, float cos0, float sin0, float cos1, float sin1) => new(
        (v.X * cos0) - (v.Y * sin0), (v.X * sin0) + (v.Y * cos0),
        (v.Z * cos1) - (v.W * sin1), (v.Z * sin1) + (v.W * cos1));
}
