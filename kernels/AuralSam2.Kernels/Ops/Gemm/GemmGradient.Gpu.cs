namespace AuralSam2.Kernels.Ops;

internal static class GemmGradientGpu
{
    public static void AddOuterProducts(IlgpuDevice device, Tensor a, Tensor b, Tensor c) => throw device.Unsupported("PENDING");
}
