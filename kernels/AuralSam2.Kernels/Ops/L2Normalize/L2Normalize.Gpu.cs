using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Unit rows on a GPU: as many lanes share a row as it has quads, up to the whole group, and a group takes as many rows as that leaves.
/// Squares are float64, as on the CPU: those of float32 overflow from 2e19 on, and rows may be as long as an image.
/// </summary>
internal static class L2NormalizeGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<Arguments> Kernel = new(L2NormalizeRows, Threads, maxSharedFloats: 2 * Threads);

    /// <summary>Arguments of <see cref="L2NormalizeRows"/>.</summary>
    /// <param name="X"><c>[rows, channels]</c>.</param>
    /// <param name="Y"><c>[rows, channels]</c>.</param>
    /// <param name="Lanes">Threads that share a row: a power of two that divides the group.</param>
    /// <param name="Vector">See <see cref="ColumnQuad"/>.</param>
    public readonly record struct Arguments(RowView X, RowView Y, int Lanes, int Vector);

    public static void Run(IlgpuDevice device, Tensor x, Tensor y)
    {
        var threads = device.GroupSize(Kernel);
        var lanes = Math.Min(threads, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, (x.Columns + 3) / 4)));
        var rowsEach = threads / lanes;
        var arguments = new Arguments(device.Rows(x), device.Rows(y), lanes, RowQuads.VectorOf(x, y));
        device.Launch(Kernel, (x.Rows + rowsEach - 1) / rowsEach, threads, 2 * threads, arguments);
    }

    internal static void L2NormalizeRows(Arguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var lanes = arguments.Lanes;
        var row = (Grid.IdxX * (Group.DimX / lanes)) + (Group.IdxX / lanes);
        // Lanes without a row take part in the sum: a barrier is for the whole group.
        var columns = row < arguments.X.Rows ? arguments.X.Columns : 0;
        var first = (Group.IdxX & (lanes - 1)) * 4;

        var quad = new ColumnQuad(first, columns - first, arguments.Vector);
        var own = quad.IsEmpty ? default : arguments.X.Load(row, quad); // in most rows all that a lane has
        var squares = Squares(own);
        for (var c = first + (4 * lanes); c < columns; c += 4 * lanes)
            squares += Squares(arguments.X.Load(row, new ColumnQuad(c, columns - c, arguments.Vector)));

        var length = Math.Sqrt(LaneSum.Of(partials, lanes, squares));
        var factor = (float)(1.0 / (length < 1e-12 ? 1e-12 : length));
        if (!quad.IsEmpty) arguments.Y.Store(row, quad, own.MultiplyAdd(factor, default));
        for (var c = first + (4 * lanes); c < columns; c += 4 * lanes)
        {
            quad = new ColumnQuad(c, columns - c, arguments.Vector);
            arguments.Y.Store(row, quad, arguments.X.Load(row, quad).MultiplyAdd(factor, default));
        }
    }

    private static double Squares(Float4 v) => ((double)v.X * v.X) + ((double)v.Y * v.Y) + ((double)v.Z * v.Z) + ((double)v.W * v.W);
}
