namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The feed-forward on a GPU: products and a norm one after the other, the hidden layer in the arena. Keeping a block of it on one
/// multiprocessor, as the CPU does in its cache, would need twice the shared memory that a group has.
/// </summary>
internal static class FeedForwardGpu
{
    public static void Run(IlgpuDevice device, Tensor x, FeedForwardWeights w, Tensor attention)
    {
        using var scope = device.Scope();
        var hidden = device.Rent(x.Rows, w.Expand.Outputs);
        if (w.Projection is { } projection) GemmGpu.Run(device, attention, projection, x, new GemmFusion { Residual = x });
        GemmGpu.Run(device, x, w.Expand, hidden, new GemmFusion { Norm = w.Norm, Activation = w.Activation });
        GemmGpu.Run(device, hidden, w.Contract, x, new GemmFusion { Residual = x });
    }
}
