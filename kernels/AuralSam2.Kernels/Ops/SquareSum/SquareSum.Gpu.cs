using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Sums of squares on a GPU: a group sums up a stretch.</summary>
internal static class SquareSumGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<Arguments> Kernel = new(SquareSumStretches, Threads, maxSharedFloats: 2 * Threads);

    /// <summary>Arguments of <see cref="SquareSumStretches"/>; see <see cref="ColumnQuad"/> for <paramref name="Vector"/>.</summary>
    public readonly record struct Arguments(RowView X, RowView Y, int Vector);

    public static void Run(IlgpuDevice device, Tensor x, Tensor y)
    {
        x = x.Reshape(1, checked((int)x.Length));
        var threads = device.GroupSize(Kernel);
        device.Launch(Kernel, y.Rows, threads, 2 * threads, new Arguments(device.Rows(x), device.Rows(y), RowQuads.VectorOf(x)));
    }

    internal static void SquareSumStretches(Arguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var first = Grid.IdxX * SquareSum.Stretch;
        var left = arguments.X.Columns - first;
        var end = first + (left < SquareSum.Stretch ? left : SquareSum.Stretch);
        var sum = 0.0;
        for (var c = first + (4 * Group.IdxX); c < end; c += 4 * Group.DimX)
        {
            var v = arguments.X.Load(0, new ColumnQuad(c, end - c, arguments.Vector));
            sum += ((double)v.X * v.X) + ((double)v.Y * v.Y) + ((double)v.Z * v.Z) + ((double)v.W * v.W);
        }

        sum = LaneSum.Of(partials, Group.DimX, sum);
        if (Group.IdxX != 0) return;
        var rounded = (float)sum;
        arguments.Y[Grid.IdxX, 0] = rounded;
        arguments.Y[Grid.IdxX, 1] = rounded - rounded == 0f ? (float)(sum - rounded) : 0f; // infinity less infinity is no number
    }
}
