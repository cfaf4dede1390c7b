namespace AuralSam2.Kernels.Ops;

internal static class WindowAttentionGradientGpu
{
    public static void Gather(
        IlgpuDevice device, Tensor qkv, Tensor padding, Tensor dy, in WindowBand values, Tensor windowDy, in WindowGrid grid, int band) =>
        throw device.Unsupported("PENDING");

    public static void Scatter(
        IlgpuDevice device, in WindowBand gradients, Tensor qkv, Tensor dqkv, Tensor shares, in WindowGrid grid, int band) =>
        throw device.Unsupported("PENDING");
}
