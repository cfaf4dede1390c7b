namespace AuralSam2.Kernels.Ops;

internal static class RowSumGpu
{
    public static void Run(IlgpuDevice device, Tensor x, Tensor y, float scale) => throw device.Unsupported("PENDING");
}
