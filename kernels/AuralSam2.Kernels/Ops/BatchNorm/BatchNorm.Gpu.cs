namespace AuralSam2.Kernels.Ops;

internal static class BatchNormGpu
{
    public static void Run(IlgpuDevice device, Tensor x, in BatchNormWeights norm, Tensor statistics, Tensor y, bool training) =>
        throw device.Unsupported("PENDING");

    public static void Gradient(
        IlgpuDevice device, Tensor dy, Tensor x, Tensor statistics, in BatchNormWeights norm, Tensor dx, Tensor dw, Tensor db, bool training) =>
        throw device.Unsupported("PENDING");
}
