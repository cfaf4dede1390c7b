using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Matrix products on a GPU: a group owns a tile of y, each thread 8 x 8 sums of it as four quads, so that one step of k costs four 128-bit
/// reads of shared memory for 64 multiply-adds. Slices of x and of the weight pass through two buffers in turn: one barrier per slice.
/// </summary>
/// <remarks>
/// Threads form a grid of <c>down</c> x <c>across</c>, powers of two; a tile has 8 down rows and 8 across columns (128 x 128 with 256
/// threads, 8 x 8 with one). A thread's quads lie half a tile apart, so that neighbouring threads read neighbouring quads.
/// </remarks>
internal static class GemmGpu
{
    private const int Threads = 256;
    private const int Depth = 16; // of a slice
    private const int ThreadTile = 8;

    public static readonly GpuKernel<Arguments> Kernel = new(GemmMultiply, Threads, SharedQuads(4, Threads) * 4);

    /// <summary>Arguments of <see cref="GemmMultiply"/>.</summary>
    /// <param name="X"><c>[rows, inputs]</c>.</param>
    /// <param name="Weight"><c>[inputs, column quads]</c>.</param>
    /// <param name="ColumnQuads">Quads in a row of the weight.</param>
    /// <param name="Bias"><c>[outputs]</c>.</param>
    /// <param name="Residual"><c>[n, outputs]</c>, n dividing rows; no rows when absent.</param>
    /// <param name="Y"><c>[rows, outputs]</c>.</param>
    /// <param name="Activation">Applied last.</param>
    /// <param name="TilesAcross">Tiles in a row of tiles.</param>
    /// <param name="AcrossBits">The threads of a group stand 2^AcrossBits abreast.</param>
    public readonly record struct Arguments(
        RowView X, ArrayView<Float4> Weight, int ColumnQuads, ArrayView<float> Bias,
        RowView Residual, RowView Y, Activation Activation, int TilesAcross, int AcrossBits);

    public static void Run(IlgpuDevice device, Tensor x, GpuPackedMatrix weight, Tensor y, in GemmFusion fusion)
    {
        if (x.Rows == 0) return;
        using var scope = device.Scope();
        if (fusion.Norm is { } norm)
        {
            var normalised = device.Rent(x.Rows, x.Columns);
            LayerNormGpu.Run(device, x, norm, normalised, add: default, Activation.None);
            x = normalised;
        }

        // Few rows (tokens of a decoder): smaller tiles, until every multiprocessor has one.
        var threads = device.GroupSize(Kernel);
        while (threads >= 64 && Tiles(threads, y).Count < device.Accelerator.NumMultiprocessors) threads /= 4;
        var (tiles, tilesAcross, acrossBits) = Tiles(threads, y);
        var arguments = new Arguments(
            device.Rows(x), weight.Values, weight.ColumnQuads, weight.Bias,
            device.Rows(fusion.Residual), device.Rows(y), fusion.Activation, tilesAcross, acrossBits);
        device.Launch(Kernel, tiles, threads, SharedQuads(acrossBits, threads) * 4, arguments);
    }

    internal static void GemmMultiply(Arguments arguments)
    {
        var (bits, across, down) = (arguments.AcrossBits, 1 << arguments.AcrossBits, Group.DimX >> arguments.AcrossBits);
        var (i, j) = (Group.IdxX >> bits, Group.IdxX & (across - 1));
        var row0 = Grid.IdxX / arguments.TilesAcross * (ThreadTile * down);
        var column0 = Grid.IdxX % arguments.TilesAcross * (ThreadTile * across);
        var (strideA, strideB) = (QuadStrideA(down), 2 * across);
        var sliceQuads = Depth * (strideA + strideB);
        var shared = SharedMemory.GetDynamic<Float4>();
        var buffer = 0;
        Quad topLeft = default, topRight = default, bottomLeft = default, bottomRight = default;
        for (var k0 = 0; k0 < arguments.X.Columns; k0 += Depth)
        {
            var (a, b) = (buffer, buffer + (Depth * strideA));
            StageX(arguments, shared.Cast<float>(), a * 4, strideA * 4, row0, ThreadTile * down, k0);
            StageWeight(arguments, shared, b, bits + 1, column0 / 4, k0);
            Group.Barrier();
            // The other buffer may be filled while slower threads still multiply from this one.
            buffer = sliceQuads - buffer;
            for (var k = 0; k < Depth; k++)
            {
                Float4 a0 = shared[a + i], a1 = shared[a + i + down];
                Float4 b0 = shared[b + j], b1 = shared[b + j + across];
                topLeft = topLeft.AddOuter(a0, b0);
                topRight = topRight.AddOuter(a0, b1);
                bottomLeft = bottomLeft.AddOuter(a1, b0);
                bottomRight = bottomRight.AddOuter(a1, b1);
                a += strideA;
                b += strideB;
            }
        }

        // Quarters of the tile leave through shared memory: stores are coalesced at any alignment, and there is one copy of the epilogue's code.
        for (var quarter = 0; quarter < 4; quarter++)
        {
            var sums = quarter == 0 ? topLeft : quarter == 1 ? topRight : quarter == 2 ? bottomLeft : bottomRight;
            Group.Barrier();
            var quad = (i * 4 * across) + j;
            shared[quad] = sums.Row0;
            shared[quad + across] = sums.Row1;
            shared[quad + (2 * across)] = sums.Row2;
            shared[quad + (3 * across)] = sums.Row3;
            Group.Barrier();
            StoreQuarter(
                arguments, shared.Cast<float>(),
                row0 + (quarter / 2 * 4 * down), column0 + (quarter % 2 * 4 * across), bits + 2, 16 * Group.DimX);
        }
    }

    /// <summary>A slice of x, <c>[Depth][rows]</c>; zeros outside of x. Neighbouring threads read along a row of x.</summary>
    private static void StageX(Arguments arguments, ArrayView<float> shared, int target, int stride, int row0, int rows, int k0)
    {
        for (var e = Group.IdxX; e < rows * Depth; e += Group.DimX)
        {
            var (row, k) = (e / Depth, e % Depth);
            var inside = row0 + row < arguments.X.Rows && k0 + k < arguments.X.Columns;
            shared[target + (k * stride) + row] = inside ? arguments.X[row0 + row, k0 + k] : 0f;
        }
    }

    /// <summary>A slice of the weight, <c>[Depth][column quads]</c>; zeros outside of it.</summary>
    private static void StageWeight(Arguments arguments, ArrayView<Float4> shared, int target, int quadBits, int quad0, int k0)
    {
        for (var e = Group.IdxX; e < Depth << quadBits; e += Group.DimX)
        {
            var (k, quad) = (k0 + (e >> quadBits), quad0 + (e & ((1 << quadBits) - 1)));
            var inside = k < arguments.X.Columns && quad < arguments.ColumnQuads;
            shared[target + e] = inside ? arguments.Weight[((long)k * arguments.ColumnQuads) + quad] : default;
        }
    }

    /// <summary>
    /// Bias, residual and activation, element by element. The thread that reads an element of the residual is the one that writes it in y:
    /// they may be one tensor.
    /// </summary>
    private static void StoreQuarter(Arguments arguments, ArrayView<float> shared, int row0, int column0, int columnBits, int elements)
    {
        for (var e = Group.IdxX; e < elements; e += Group.DimX)
        {
            var (row, column) = (row0 + (e >> columnBits), column0 + (e & ((1 << columnBits) - 1)));
            if (row >= arguments.Y.Rows || column >= arguments.Y.Columns) continue;
            var value = shared[e] + arguments.Bias[column];
            if (arguments.Residual.Rows > 0) value += arguments.Residual[row % arguments.Residual.Rows, column];
            arguments.Y[row, column] = SimtMath.Activate(arguments.Activation, value);
        }
    }

    /// <summary>
    /// Quads from one k to the next in a staged slice of x: one more than the rows need, so that threads that store along k meet different
    /// banks.
    /// </summary>
    private static int QuadStrideA(int down) => (2 * down) + 1;

    /// <summary>Two slices, or a quarter of the tile: whichever is larger.</summary>
    private static int SharedQuads(int acrossBits, int threads) =>
        Math.Max(2 * Depth * (QuadStrideA(threads >> acrossBits) + (2 << acrossBits)), 4 * threads);

    private static (int Count, int Across, int AcrossBits) Tiles(int threads, Tensor y)
    {
        var acrossBits = (BitOperations.Log2((uint)threads) + 1) / 2;
        var (rows, columns) = (ThreadTile * (threads >> acrossBits), ThreadTile << acrossBits);
        var across = (y.Columns + columns - 1) / columns;
        return (checked(across * ((y.Rows + rows - 1) / rows)), across, acrossBits);
    }
}
