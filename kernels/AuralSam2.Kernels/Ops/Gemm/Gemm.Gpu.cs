using System.Numerics;
using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Matrix products on a GPU. The one place where the kernel of a product is chosen: by the number of rows, by the tile that keeps all
/// multiprocessors busy, and by what can be read 128 bits at a time.
/// </summary>
internal static class GemmGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<TileArguments<QuadRows>> Kernel = TileKernel<QuadRows>(GemmMultiply);
    public static readonly GpuKernel<TileArguments<QuadRows>> PartsKernel = TileKernel<QuadRows>(GemmMultiplyParts);
    public static readonly GpuKernel<TileArguments<ScalarRows>> ScalarsKernel = TileKernel<ScalarRows>(GemmMultiplyScalars);
    public static readonly GpuKernel<FewRowsArguments<QuadRows>> FewRowsKernel = new(GemmFewRows, Threads, FewRowsFloats * Threads);
    public static readonly GpuKernel<FewRowsArguments<ScalarRows>> FewRowsScalarsKernel =
        new(GemmFewRowsScalars, Threads, FewRowsFloats * Threads);

    /// <summary>Shared memory of a thread in the kernels for few rows.</summary>
    private const int FewRowsFloats = 4 * SimtFewRows.TileRows;

    /// <summary>
    /// A kernel that multiplies tiles: two groups share a multiprocessor, so that one multiplies while the other waits or stores.
    /// </summary>
    /// <param name="body">The kernel.</param>
    /// <param name="promisedGroups">Groups that the compiler is told to make room for. Two fit wherever a thread has 128 registers or fewer.</param>
    public static GpuKernel<TileArguments<TRows>> TileKernel<TRows>(Action<TileArguments<TRows>> body, int promisedGroups = 2)
        where TRows : struct =>
        new(body, Threads, SimtGemmTile.MaxSharedFloats, promisedGroups);

    public static void Run(IlgpuDevice device, Tensor x, PackedMatrix weight, Tensor y, in GemmFusion fusion)
    {
        using var scope = device.Scope();
        if (fusion.Norm is { } norm)
        {
            var normalised = device.Rent(x.Rows, x.Columns);
            LayerNormGpu.Run(device, x, norm, normalised, add: default, Activation.None);
            x = normalised;
        }

        var packed = GpuPackedMatrix.For(device, weight);
        Multiply(device, x, packed, Output(device, packed, y, fusion.Residual, fusion.Activation));
    }

    /// <summary>Multiplies the rows of a matrix.</summary>
    public static void Multiply(IlgpuDevice device, Tensor x, GpuPackedMatrix weight, in GemmOutput output)
    {
        var rows = device.Rows(x);
        var quads = HasQuads(x) && x.Columns % GpuPackedMatrix.MaxSlice == 0;
        if (IsFew(device, output.Y))
        {
            if (quads) MultiplyFew(device, FewRowsKernel, new QuadRows(rows), weight, output);
            else MultiplyFew(device, FewRowsScalarsKernel, new ScalarRows(rows), weight, output);
        }
        else if (quads)
        {
            MultiplyTiles(device, Kernel, PartsKernel, new QuadRows(rows), weight, output);
        }
        else
        {
            MultiplyTiles(device, ScalarsKernel, null, new ScalarRows(rows), weight, output);
        }
    }

    /// <summary>Where the sums of a product with this weight go.</summary>
    public static GemmOutput Output(IlgpuDevice device, GpuPackedMatrix weight, Tensor y, Tensor residual, Activation activation) =>
        new(QuadView.Of(device, y), QuadView.Of(device, residual), weight.PaddedBias, activation);

    /// <summary>Whether the left operand can be read 128 bits at a time and counted in 32 bits.</summary>
    public static bool HasQuads(Tensor x) => QuadView.IsWide(x) && x.Length < 4L * int.MaxValue;

    /// <summary>Launches a product over tiles.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="whole">The kernel of <see cref="EightSteps"/>, for tiles that need no parts.</param>
    /// <param name="parts">The kernel of <see cref="FourSteps"/>, for tiles that do; null where there is none.</param>
    /// <param name="x">The left operand.</param>
    /// <param name="weight">The right operand.</param>
    /// <param name="output">What happens to the sums.</param>
    public static void MultiplyTiles<TRows>(
        IlgpuDevice device, GpuKernel<TileArguments<TRows>> whole, GpuKernel<TileArguments<TRows>>? parts,
        TRows x, GpuPackedMatrix weight, in GemmOutput output)
        where TRows : struct
    {
        var threads = device.GroupSize(whole);
        var (downBits, acrossBits, partBits) =
            Shape(threads, parts is not null, device.Accelerator.NumMultiprocessors, output.Y.Rows, output.Y.Columns, weight.Inputs);
        var kernel = partBits == 0 ? whole : parts!;
        var tile = new TileShape(downBits, acrossBits, partBits, partBits == 0 ? EightSteps.Bits : FourSteps.Bits);
        var across = Ceiling(output.Y.Columns, tile.Columns);
        var tiles = checked(across * Ceiling(output.Y.Rows, tile.Rows));
        var arguments = new TileArguments<TRows>(
            x, weight.Values, output, tile, tiles, across, tile.Depth * weight.ColumnQuads,
            Math.Max(tile.XQuads, tile.WeightQuads) > threads ? 1 : 0);
        device.Launch(kernel, GroupThread.Groups(device, tiles), threads, SimtGemmTile.SharedFloats(tile), arguments);
    }

    private static void MultiplyFew<TRows>(
        IlgpuDevice device, GpuKernel<FewRowsArguments<TRows>> kernel, TRows x, GpuPackedMatrix weight, in GemmOutput output)
        where TRows : struct
    {
        var threads = device.GroupSize(kernel);
        var down = Ceiling(output.Y.Rows, SimtFewRows.TileRows);
        // Lines of 128 bytes where they make enough groups, else of 64; a small group has at least two parts.
        var acrossBits = down * Ceiling(weight.ColumnQuads, 8) >= device.Accelerator.NumMultiprocessors ? 3 : 2;
        acrossBits = Math.Min(acrossBits, Math.Max(0, BitOperations.Log2((uint)threads) - 1));
        var tiles = checked(down * Ceiling(weight.ColumnQuads, 1 << acrossBits));
        var arguments = new FewRowsArguments<TRows>(x, weight.Values, output, acrossBits, tiles, down);
        device.Launch(kernel, GroupThread.Groups(device, tiles), threads, FewRowsFloats * threads, arguments);
    }

    /// <summary>So few rows that tiles would leave most multiprocessors idle.</summary>
    private static bool IsFew(IlgpuDevice device, QuadView y) =>
        y.Rows <= SimtFewRows.TileRows || 4L * Ceiling(y.Rows, 64) * Ceiling(y.Columns, 64) <= device.Accelerator.NumMultiprocessors;

    /// <summary>
    /// The tile that finishes first: as many rounds as the busiest multiprocessor has tiles, each as long as its share of k and what comes
    /// before and after. Parts read more for each multiplication.
    /// </summary>
    /// <returns>log2 of the threads down, across and in parts; their sum is that of the group.</returns>
    internal static (int DownBits, int AcrossBits, int PartBits) Shape(
        int threads, bool parts, int multiprocessors, int rows, int columns, int inputs)
    {
        const double firstLoadAndStores = 20; // in inputs
        var bits = BitOperations.Log2((uint)threads);
        var (best, least) = ((0, 0, 0), double.PositiveInfinity);
        foreach (var (lessDown, lessAcross, slower) in ((int, int, double)[])[(0, 0, 1), (1, 0, 1.07), (0, 1, 1.07), (1, 1, 1.12)])
        {
            var (down, across, partBits) = ((bits / 2) - lessDown, ((bits + 1) / 2) - lessAcross, lessDown + lessAcross);
            if (down < 0 || across < 0 || (partBits > 0 && !parts)) continue;
            var tiles = (long)Ceiling(rows, 8 << down) * Ceiling(columns, 8 << across);
            var rounds = (tiles + multiprocessors - 1) / multiprocessors;
            var time = rounds * ((slower * inputs / (1 << partBits)) + firstLoadAndStores);
            if (time < least) (best, least) = ((down, across, partBits), time);
        }

        return best;
    }

    private static int Ceiling(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    internal static void GemmMultiply(TileArguments<QuadRows> arguments) =>
        SimtGemmTile.Multiply<QuadRows, int, EightSteps>(in arguments);

    internal static void GemmMultiplyParts(TileArguments<QuadRows> arguments) =>
        SimtGemmTile.Multiply<QuadRows, int, FourSteps>(in arguments);

    internal static void GemmMultiplyScalars(TileArguments<ScalarRows> arguments) =>
        SimtGemmTile.Multiply<ScalarRows, RowCursor, EightSteps>(in arguments);

    internal static void GemmFewRows(FewRowsArguments<QuadRows> arguments) =>
        SimtFewRows.Multiply<QuadRows, int>(in arguments);

    internal static void GemmFewRowsScalars(FewRowsArguments<ScalarRows> arguments) =>
        SimtFewRows.Multiply<ScalarRows, RowCursor>(in arguments);
}
