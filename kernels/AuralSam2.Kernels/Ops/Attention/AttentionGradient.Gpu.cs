namespace AuralSam2.Kernels.Ops;

internal static class AttentionGradientGpu
{
    public static void Run(IlgpuDevice device, in AttentionGradientOperands operands) => throw device.Unsupported("PENDING");
}
