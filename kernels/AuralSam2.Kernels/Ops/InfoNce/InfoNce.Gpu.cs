namespace AuralSam2.Kernels.Ops;

internal static class InfoNceGpu
{
    public static void Run(IlgpuDevice device, InfoNce.Problem problem, Tensor loss) => throw device.Unsupported("PENDING");

    public static void Gradient(IlgpuDevice device, InfoNce.Problem problem, Tensor dLoss, Tensor dAnchors, Tensor dContrasts) =>
        throw device.Unsupported("PENDING");
}
