using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>Memory of an ILGPU accelerator, in whole quads: kernels read weights 128 bits at a time.</summary>
internal sealed class IlgpuBuffer : DeviceBuffer
{
    private readonly IlgpuDevice device;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> memory;

    public IlgpuBuffer(IlgpuDevice device, long length)
        : this(device, length, device.AllocateMemory((Math.Max(length, 1) + 3) / 4 * 4))
    {
    }

    private IlgpuBuffer(IlgpuDevice device, long length, MemoryBuffer1D<float, Stride1D.Dense> memory)
        : base(device, length, hostAddress: 0) // kernels alone reach it, also where it is the host's
    {
        this.device = device;
        this.memory = memory;
    }

    /// <summary>All of it, for a kernel that is launched next.</summary>
    public ArrayView<float> Memory
    {
        get
        {
            device.Use(this);
            return Whole;
        }
    }

    /// <summary>All of it, for a copy that orders itself.</summary>
    public ArrayView<float> Whole => memory.View.AsContiguous();

    /// <summary>When a kernel may have used it last; see <see cref="StreamCopyEngine"/>, as for the others.</summary>
    public long LastUse { get; set; } = -1;

    /// <summary>Number of the last copy that began.</summary>
    public long LastCopy { get; set; }

    /// <summary>Event of that copy.</summary>
    public nint Copied { get; set; }

    protected override void Free() => device.Release(memory);
}
