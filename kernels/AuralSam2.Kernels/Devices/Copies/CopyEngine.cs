using ILGPU;

namespace AuralSam2.Kernels;

/// <summary>
/// How values get to the memory of an ILGPU device and back, and what makes kernels and copies see each other's results. Lengths are checked
/// before; errors of the driver come out as ILGPU throws them.
/// </summary>
internal abstract class CopyEngine : IDisposable
{
    /// <summary>Memory for <see cref="BeginUpload"/> and <see cref="BeginDownload"/>.</summary>
    public abstract HostBuffer AllocateHost(long length);

    /// <summary>A kernel that is launched next, or a copy in order with the kernels, may use this memory.</summary>
    public abstract void Use(IlgpuBuffer buffer);

    /// <summary>Copies in order with the kernels. The source may be used again on return.</summary>
    public abstract void Upload(ReadOnlySpan<float> source, ArrayView<float> destination);

    /// <summary>Copies in order with the kernels; returns when the values are there.</summary>
    public abstract void Download(ArrayView<float> source, Span<float> destination);

    /// <summary>See <see cref="Device.BeginUpload"/>; the view lies in the buffer.</summary>
    public abstract void BeginUpload(HostBuffer source, IlgpuBuffer buffer, ArrayView<float> destination);

    /// <summary>See <see cref="Device.BeginDownload"/>; the view lies in the buffer.</summary>
    public abstract void BeginDownload(IlgpuBuffer buffer, ArrayView<float> source, HostBuffer destination);

    /// <summary>Returns when all kernels and copies are done.</summary>
    public abstract void Synchronize();

    /// <summary>Gives back what the copies needed; all of them are done.</summary>
    public virtual void Dispose()
    {
    }
}
