using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Transposition through shared memory: a group turns one tile, so that both what it reads and what it writes are whole rows of the tile.
/// </summary>
internal static class TransposeGpu
{
    private const int Edge = 32;
    private const int QuadsAcross = Edge / 4;

    /// <summary>
    /// Floats from one turned row to the next: with one more than <see cref="Edge"/>, the 32 threads of a warp (4 rows of 8 quads) meet 32
    /// different banks both ways.
    /// </summary>
    private const int Stride = Edge + 1;

    public static readonly GpuKernel<Arguments> Kernel = new(TransposeTiles, groupSize: Edge * QuadsAcross, maxSharedFloats: Edge * Stride);

    /// <summary>Arguments of <see cref="TransposeTiles"/>.</summary>
    /// <param name="X"><c>[batch * rows, columns]</c>.</param>
    /// <param name="Y"><c>[batch * columns, rows]</c>.</param>
    /// <param name="Rows">Rows of a matrix of x.</param>
    /// <param name="TilesDown">Tiles below each other in x.</param>
    /// <param name="TilesAcross">Tiles side by side in x.</param>
    /// <param name="VectorX">1 where rows of x start on 16 bytes.</param>
    /// <param name="VectorY">1 where rows of y start on 16 bytes.</param>
    public readonly record struct Arguments(RowView X, RowView Y, int Rows, int TilesDown, int TilesAcross, int VectorX, int VectorY);

    public static void Run(IlgpuDevice device, Tensor x, Tensor y)
    {
        var (rows, columns) = (x.Shape[^2], x.Shape[^1]);
        var (down, across, batch) = ((rows + Edge - 1) / Edge, (columns + Edge - 1) / Edge, x.Shape.Rank == 3 ? x.Shape[0] : 1);
        var arguments = new Arguments(
            device.Rows(x), device.Rows(y), rows, down, across, RowQuads.VectorOf(x), RowQuads.VectorOf(y));
        device.Launch(Kernel, (long)batch * down * across, device.GroupSize(Kernel), Kernel.MaxSharedFloats, arguments);
    }

    internal static void TransposeTiles(Arguments arguments)
    {
        var tile = SharedMemory.GetDynamic<float>();
        var (rows, columns) = (arguments.Rows, arguments.X.Columns);
        var strip = Grid.IdxX / arguments.TilesAcross;
        var (matrix, column0) = (strip / arguments.TilesDown, (Grid.IdxX - (strip * arguments.TilesAcross)) * Edge);
        var row0 = (strip - (matrix * arguments.TilesDown)) * Edge;
        for (var e = Group.IdxX; e < Edge * QuadsAcross; e += Group.DimX)
        {
            var (r, c) = (e / QuadsAcross, e % QuadsAcross * 4);
            if (row0 + r >= rows) continue;
            var quad = arguments.X.Load((matrix * rows) + row0 + r, new ColumnQuad(column0 + c, columns - column0 - c, arguments.VectorX));
            var at = (c * Stride) + r;
            tile[at] = quad.X;
            tile[at + Stride] = quad.Y;
            tile[at + (2 * Stride)] = quad.Z;
            tile[at + (3 * Stride)] = quad.W;
        }

        Group.Barrier();
        for (var e = Group.IdxX; e < Edge * QuadsAcross; e += Group.DimX)
        {
            var (c, r) = (e / QuadsAcross, e % QuadsAcross * 4);
            if (column0 + c >= columns) continue;
            var at = (c * Stride) + r;
            arguments.Y.Store(
                (matrix * columns) + column0 + c, new ColumnQuad(row0 + r, rows - row0 - r, arguments.VectorY),
                new Float4(tile[at], tile[at + 1], tile[at + 2], tile[at + 3]));
        }
    }
}
