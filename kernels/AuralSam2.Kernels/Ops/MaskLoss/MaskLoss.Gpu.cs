namespace AuralSam2.Kernels.Ops;

internal static class MaskLossGpu
{
    public static void Run(
        IlgpuDevice device, Tensor logits, Tensor target, Tensor ious, Tensor objectLogit, in MaskLossWeights weights, Tensor statistics,
        Tensor terms, Tensor loss) => throw device.Unsupported("PENDING");

    public static void Gradient(
        IlgpuDevice device, in MaskLoss.Kept kept, Tensor dTerms, Tensor dLoss, Tensor dLogits, Tensor dIous, Tensor dObject) =>
        throw device.Unsupported("PENDING");
}
