using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

internal static class GemmGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<GemmArguments<QuadRows>> Kernel = new(GemmMultiply, Threads, 2 * 16 * 65 * 4);
    public static readonly GpuKernel<GemmArguments<ScalarRows>> UnalignedKernel = new(GemmMultiplyUnaligned, Threads, 2 * 16 * 65 * 4);

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

        var threads = device.GroupSize(Kernel);
        var bits = BitOperations.Log2((uint)threads);
        var tile = new TileShape(bits / 2, (bits + 1) / 2, 0, 3, 8);
        var across = (y.Columns + tile.Columns - 1) / tile.Columns;
        var tiles = across * ((y.Rows + tile.Rows - 1) / tile.Rows);
        var output = new GemmOutput(
            device.Rows(y), device.Rows(fusion.Residual), weight.Bias.Cast<Float4>(), fusion.Activation,
            Aligned(y) && (fusion.Residual.IsEmpty || Aligned(fusion.Residual)) ? 1 : 0, 1, 0);
        var shared = SimtGemmTile.SharedFloats(tile);
        if (Aligned(x))
        {
            device.Launch(Kernel, threads < 8 ? Math.Min(tiles, 8) : tiles, threads, shared, new GemmArguments<QuadRows>(
                new QuadRows(device.View(x).Cast<Float4>(), device.Rows(x)), weight.Values, (int)weight.Values.Length - 1, weight.ColumnQuads * tile.Depth, output, tile, tiles, across, threads < tile.XQuads ? 1 : 0));
        }
        else
        {
            device.Launch(UnalignedKernel, threads < 8 ? Math.Min(tiles, 8) : tiles, threads, shared, new GemmArguments<ScalarRows>(
                new ScalarRows(device.Rows(x)), weight.Values, (int)weight.Values.Length - 1, weight.ColumnQuads * tile.Depth, output, tile, tiles, across, threads < tile.XQuads ? 1 : 0));
        }
    }

    public static bool Aligned(Tensor t) => t.Offset % 4 == 0 && t.RowStride % 4 == 0 && t.Columns % 4 == 0;

    internal static void GemmMultiply(GemmArguments<QuadRows> arguments) => SimtGemmTile.Multiply<QuadRows, RowCursor<int>, EightSteps>(in arguments);

    internal static void GemmMultiplyUnaligned(GemmArguments<ScalarRows> arguments) => SimtGemmTile.Multiply<ScalarRows, RowCursor<long>, EightSteps>(in arguments);
}
