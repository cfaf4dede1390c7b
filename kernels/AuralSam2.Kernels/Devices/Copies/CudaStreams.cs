using System.Runtime.InteropServices;
using AuralSam2.Kernels.Drivers;
using ILGPU.Runtime.Cuda;

namespace AuralSam2.Kernels;

/// <summary>
/// Streams, events and page-locked memory of CUDA's driver. ILGPU has most of the calls; it lacks the one by which a stream waits for another.
/// </summary>
internal sealed unsafe class CudaStreams : IStreamDriver
{
    private readonly CudaAccelerator accelerator;
    private readonly DeviceHealth health;
    private readonly CudaStream compute;
    private readonly CudaStream copy;
    private readonly delegate* unmanaged<nint, nint, uint, CudaError> streamWaitEvent;

    /// <summary>Orders the stream that kernels are launched to and a new one.</summary>
    /// <exception cref="DeviceException">The driver lacks a function.</exception>
    public CudaStreams(CudaAccelerator accelerator, CudaStream compute, DeviceHealth health)
    {
        (this.accelerator, this.compute, this.health) = (accelerator, compute, health);
        copy = (CudaStream)accelerator.CreateStream();
        streamWaitEvent = (delegate* unmanaged<nint, nint, uint, CudaError>)Export("cuStreamWaitEvent");
    }

    public nint AllocatePageLocked(long bytes)
    {
        var error = Api().AllocateHostMemory(out var address, (nint)bytes);
        return error == CudaError.CUDA_SUCCESS ? address : throw health.Failure(new CudaException(error), bytes, "page-locked host memory");
    }

    public void FreePageLocked(nint address) => Check(Api().FreeHostMemory(address));

    public nint CreateEvent()
    {
        Check(Api().CreateEvent(out var signal, CudaEventFlags.CU_EVENT_DISABLE_TIMING));
        return signal;
    }

    public void DestroyEvent(nint signal) => Check(Api().DestroyEvent(signal));

    public void Record(nint signal, DeviceStream stream) => Check(Api().RecordEvent(signal, Handle(stream)));

    public void Wait(DeviceStream stream, nint signal)
    {
        Api(); // binds the context
        Check(streamWaitEvent(Handle(stream), signal, 0));
    }

    public void Copy(nint destination, nint source, long bytes, DeviceStream stream) =>
        Check(Api().MemcpyAsync(destination, source, (nint)bytes, stream == DeviceStream.Compute ? compute : copy));

    public bool HasHappened(nint signal)
    {
        var state = Api().QueryEvent(signal);
        if (state == CudaError.CUDA_ERROR_NOT_READY) return false;
        Check(state);
        return true;
    }

    public void Synchronize(nint signal) => Check(Api().SynchronizeEvent(signal));

    public void Synchronize(DeviceStream stream) => Check(Api(DeviceCall.Synchronize).SynchronizeStream(Handle(stream)));

    public void Dispose() => copy.Dispose();

    private nint Handle(DeviceStream stream) => stream == DeviceStream.Compute ? compute.StreamPtr : copy.StreamPtr;

    /// <summary>The driver's calls, with this device's context bound to the thread.</summary>
    private CudaAPI Api(DeviceCall call = DeviceCall.Copy)
    {
        health.Enter(call);
        try
        {
            accelerator.Bind();
        }
        catch (CudaException error)
        {
            throw health.Failure(error);
        }

        return CudaAPI.CurrentAPI;
    }

    private void Check(CudaError error)
    {
        if (error != CudaError.CUDA_SUCCESS) throw health.Failure(new CudaException(error));
    }

    private static nint Export(string name)
    {
        if (DriverLibrary.TryLoadCuda(out var library) && NativeLibrary.TryGetExport(library, name, out var address)) return address;
        throw new DeviceException($"the CUDA driver has no {name}: install NVIDIA's current driver");
    }
}
