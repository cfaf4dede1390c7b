using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>Copies as ILGPU does them, in order with the kernels and waited for: the emulator and OpenCL.</summary>
internal sealed unsafe class OrderedCopyEngine(IlgpuDevice device, AcceleratorStream stream) : CopyEngine
{
    public override HostBuffer AllocateHost(long length) => new PlainHostBuffer(device, length);

    public override void Use(IlgpuBuffer buffer)
    {
    }

    public override void Upload(ReadOnlySpan<float> source, ArrayView<float> destination)
    {
        try
        {
            device.Health.Enter(DeviceCall.Copy);
            fixed (float* stay = source)
            {
                destination.CopyFromCPU(stream, source);
                WaitForCopy();
            }
        }
        catch (AcceleratorException error)
        {
            throw device.Health.Failure(error);
        }
    }

    public override void Download(ArrayView<float> source, Span<float> destination)
    {
        device.Count.Synchronizations++;
        BeginDownload(source, destination);
    }

    public override void BeginUpload(HostBuffer source, IlgpuBuffer buffer, ArrayView<float> destination) =>
        Upload(source.Span[..checked((int)destination.Length)], destination);

    public override void BeginDownload(IlgpuBuffer buffer, ArrayView<float> source, HostBuffer destination) =>
        BeginDownload(source, destination.Span[..checked((int)source.Length)]);

    public override void Synchronize()
    {
        device.Count.Synchronizations++;
        try
        {
            device.Health.Enter(DeviceCall.Synchronize);
            stream.Synchronize();
        }
        catch (AcceleratorException error)
        {
            throw device.Health.Failure(error);
        }
    }

    private void BeginDownload(ArrayView<float> source, Span<float> destination)
    {
        try
        {
            device.Health.Enter(DeviceCall.Copy);
            fixed (float* stay = destination)
            {
                source.CopyToCPU(stream, destination);
                WaitForCopy();
            }
        }
        catch (AcceleratorException error)
        {
            throw device.Health.Failure(error);
        }
    }

    /// <summary>ILGPU's copies on OpenCL are only queued, and read the host's memory later.</summary>
    private void WaitForCopy()
    {
        if (device.Accelerator.AcceleratorType == AcceleratorType.OpenCL) stream.Synchronize();
    }
}
