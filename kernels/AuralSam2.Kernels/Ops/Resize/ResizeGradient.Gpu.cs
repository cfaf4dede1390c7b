using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

internal static partial class ResizeGpu
{
    public static void Gradient(IlgpuDevice device, Tensor dy, Tensor dx, ResizeSources down, ResizeSources across) =>
        throw device.Unsupported("PENDING");
}
