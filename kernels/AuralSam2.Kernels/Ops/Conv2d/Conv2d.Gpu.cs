using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Convolutions on a GPU: the tiles of a matrix product, whose rows are patches that are found by index arithmetic (implicit GEMM).
/// </summary>
internal static class Conv2dGpu
{
    public static readonly GpuKernel<TileArguments<QuadPatches>> Kernel = GemmGpu.TileKernel<QuadPatches>(ConvMultiply);
    public static readonly GpuKernel<TileArguments<QuadPatches>> PartsKernel = GemmGpu.TileKernel<QuadPatches>(ConvMultiplyParts);
    public static readonly GpuKernel<TileArguments<ScalarPatches>> ScalarsKernel = GemmGpu.TileKernel<ScalarPatches>(ConvMultiplyScalars);

    public static void Run(IlgpuDevice device, Tensor x, ConvWeights w, Tensor y, Activation activation, Tensor residual)
    {
        var weight = GpuPackedMatrix.For(device, w.Matrix);
        var output = GemmGpu.Output(device, weight, y, residual, activation);
        var image = new PatchGrid(x.Shape[^3], x.Shape[^2], w.Channels, w.Kernel, w.Stride, w.Padding, y.Shape[^3], y.Shape[^2], y.Rows);
        if (GemmGpu.HasQuads(x)) GemmGpu.MultiplyTiles(device, Kernel, PartsKernel, new QuadPatches(device.View(x), image), weight, output);
        else GemmGpu.MultiplyTiles(device, ScalarsKernel, null, new ScalarPatches(device.View(x), image), weight, output);
    }

    internal static void ConvMultiply(TileArguments<QuadPatches> arguments) =>
        SimtGemmTile.Multiply<QuadPatches, PatchCursor, EightSteps>(in arguments);

    internal static void ConvMultiplyParts(TileArguments<QuadPatches> arguments) =>
        SimtGemmTile.Multiply<QuadPatches, PatchCursor, FourSteps>(in arguments);

    internal static void ConvMultiplyScalars(TileArguments<ScalarPatches> arguments) =>
        SimtGemmTile.Multiply<ScalarPatches, PatchCursor, EightSteps>(in arguments);
}
