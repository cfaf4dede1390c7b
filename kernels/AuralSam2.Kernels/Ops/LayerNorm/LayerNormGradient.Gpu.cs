namespace AuralSam2.Kernels.Ops;

internal static class LayerNormGradientGpu
{
    public static void Run(IlgpuDevice device, Tensor dy, Tensor x, in NormWeights norm, Tensor dx, Tensor dw, Tensor db) =>
        throw device.Unsupported("PENDING");
}
