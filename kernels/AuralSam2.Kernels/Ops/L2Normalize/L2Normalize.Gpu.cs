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

    public static readonly GpuKernel<GradientArguments> GradientKernel = new(L2NormalizeGradient, Threads, maxSharedFloats: 2 * Threads);

    /// <summary>Arguments of <see cref="L2NormalizeGradient"/>; <paramref name="Kept"/>: 1 adds to what dx holds, 0 replaces it.</summary>
    public readonly record struct GradientArguments(RowView Dy, RowView X, RowView Dx, int Lanes, int Vector, int Kept);

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

    public static void Gradient(IlgpuDevice device, Tensor dy, Tensor x, Tensor dx)
    {
        if (x.Length == 0) return;
        var threads = device.GroupSize(GradientKernel);
        var lanes = Math.Min(threads, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, (x.Columns + 3) / 4)));
        var rowsEach = threads / lanes;
        var arguments = new GradientArguments(
            device.Rows(dy), device.Rows(x), device.Rows(dx), lanes, RowQuads.VectorOf(dy, x, dx), dx.IsSameAs(dy) ? 0 : 1);
        device.Launch(GradientKernel, (x.Rows + rowsEach - 1) / rowsEach, threads, 2 * threads, arguments);
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
        if (!quad.IsEmpty) arguments.Y.Store(row, quad, own * factor);
        for (var c = first + (4 * lanes); c < columns; c += 4 * lanes)
        {
            quad = new ColumnQuad(c, columns - c, arguments.Vector);
            arguments.Y.Store(row, quad, arguments.X.Load(row, quad) * factor);
        }
    }

    internal static void L2NormalizeGradient(GradientArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var lanes = arguments.Lanes;
        var row = (Grid.IdxX * (Group.DimX / lanes)) + (Group.IdxX / lanes);
        var columns = row < arguments.X.Rows ? arguments.X.Columns : 0;
        var first = (Group.IdxX & (lanes - 1)) * 4;
        double squares = 0, products = 0;
        for (var c = first; c < columns; c += 4 * lanes)
        {
            var quad = new ColumnQuad(c, columns - c, arguments.Vector);
            Float4 x = arguments.X.Load(row, quad), dy = arguments.Dy.Load(row, quad);
            squares += Squares(x);
            products += ((double)x.X * dy.X) + ((double)x.Y * dy.Y) + ((double)x.Z * dy.Z) + ((double)x.W * dy.W);
        }

        var length = Math.Sqrt(LaneSum.Of(partials, lanes, squares));
        Group.Barrier(); // the sums share their memory
        var product = LaneSum.Of(partials, lanes, products);
        // A row too short to be normalised was only scaled.
        var factor = (float)(length > 1e-12 ? 1 / length : 1e12);
        var along = (float)(length > 1e-12 ? -product / (length * length * length) : 0);
        for (var c = first; c < columns; c += 4 * lanes)
        {
            var quad = new ColumnQuad(c, columns - c, arguments.Vector);
            var dx = arguments.X.Load(row, quad).MultiplyAdd(along, arguments.Dy.Load(row, quad) * factor);
            if (arguments.Kept != 0) dx = dx.MultiplyAdd(1f, arguments.Dx.Load(row, quad));
            arguments.Dx.Store(row, quad, dx);
        }
    }

    private static double Squares(Float4 v) => ((double)v.X * v.X) + ((double)v.Y * v.Y) + ((double)v.Z * v.Z) + ((double)v.W * v.W);
}
