using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>Memory of an ILGPU accelerator.</summary>
internal sealed class IlgpuBuffer : DeviceBuffer
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> memory;

    public IlgpuBuffer(IlgpuDevice device, long length)
        : base(device, length, hostAddress: 0) // kernels alone reach it, also where it is the host's
    {
        // Whole quads: kernels read weights 128 bits at a time.
        memory = device.Accelerator.Allocate1D<float>((Math.Max(length, 1) + 3) / 4 * 4);
    }

    /// <summary>All of it, in whole quads.</summary>
    public ArrayView<float> Memory => memory.View.AsContiguous();

    protected override void Free() => memory.Dispose();
}
