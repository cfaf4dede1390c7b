namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Weights of a checkpoint in the layout that a kernel reads. Laying them out is no op of a model: it is neither recorded nor counted.
/// </summary>
internal static class WeightLayout
{
    /// <summary>Swaps rows and columns of every matrix of a batch.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="weight"><c>[rows, columns]</c> or <c>[batch, rows, columns]</c>, dense.</param>
    /// <param name="laid"><c>[columns, rows]</c> or <c>[batch, columns, rows]</c>, dense.</param>
    public static void Transpose(Device device, Tensor weight, Tensor laid)
    {
        switch (device)
        {
            case CpuDevice cpu: TransposeCpu.Run(cpu, weight, laid); break;
            case IlgpuDevice gpu: TransposeGpu.Run(gpu, weight, laid); break;
            default: throw device.Unsupported("Transpose");
        }
    }
}
