using AuralSam2.Kernels.Simt;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace AuralSam2.Kernels;

/// <summary>What is asked of an accelerator and may fail.</summary>
internal enum DeviceCall
{
    /// <summary>Memory of the device or page-locked memory.</summary>
    Allocate,

    /// <summary>A kernel, loaded before if need be.</summary>
    Launch,

    /// <summary>A copy, or what orders it.</summary>
    Copy,

    /// <summary>Waiting; this is where failures of kernels show.</summary>
    Synchronize,
}

/// <summary>Turns what ILGPU and the driver throw into errors of the device, and remembers when a device is lost.</summary>
internal sealed class DeviceHealth(IlgpuDevice device)
{
    private string? lost;

    /// <summary>Called before each call of the accelerator while set: tests let it throw what a driver would.</summary>
    public Action<DeviceCall>? BeforeCall { get; set; }

    /// <summary>The kernel that was launched last: when a device is lost, the first suspect.</summary>
    public GpuKernel? LastKernel { get; set; }

    /// <summary>True when the device can only be disposed.</summary>
    public bool IsLost => lost is not null;

    /// <summary>To be called before each call of the accelerator.</summary>
    /// <exception cref="DeviceException">The device was lost.</exception>
    public void Enter(DeviceCall call)
    {
        if (lost is not null) throw new DeviceException(lost);
        BeforeCall?.Invoke(call);
    }

    /// <summary>True for what this class describes: failures of an accelerator, not mistakes of a caller.</summary>
    public static bool Concerns(Exception error) => error is AcceleratorException or OutOfMemoryException;

    /// <summary>The error for a failed call. Unless it is one that a device survives, the device is lost from now on.</summary>
    /// <param name="error">What the accelerator threw.</param>
    /// <param name="bytes">What was asked for by an allocation.</param>
    /// <param name="purpose">What kind of memory it was.</param>
    /// <param name="refused">The kernel that could not be launched: itself, or because of an earlier one.</param>
    public DeviceException Failure(Exception error, long bytes = 0, string purpose = "device memory", GpuKernel? refused = null)
    {
        if (lost is not null) return new DeviceException(lost, error);
        var code = Code(error);
        if (code is "CUDA_ERROR_OUT_OF_MEMORY" or "CL_MEM_OBJECT_ALLOCATION_FAILURE" or "CL_OUT_OF_HOST_MEMORY" or nameof(OutOfMemoryException))
            return new DeviceException(OutOfMemory(bytes, purpose), error);
        var reason = code.Length == 0 ? error.Message : $"{error.Message.TrimEnd('.')} ({code})";
        if (refused is not null && IsRefusal(code)) return new DeviceException($"{device.Name} cannot run {refused}: {reason}", error);
        var suspect = LastKernel is null ? "no kernel was launched before" : $"the kernel launched last was {LastKernel}";
        lost = $"{device.Name} was lost in mid-run: {reason}; {suspect}. Choose another device, for example --device cpu";
        return new DeviceException(lost, error);
    }

    /// <summary>A kernel is refused, by a driver that is too old for it for example, and nothing else happens.</summary>
    private static bool IsRefusal(string code) => code is
        "CUDA_ERROR_INVALID_IMAGE" or "CUDA_ERROR_NO_BINARY_FOR_GPU" or "CUDA_ERROR_INVALID_PTX" or "CUDA_ERROR_INVALID_SOURCE" or
        "221" or "222" or // no JIT compiler, PTX version unknown to the driver: newer than ILGPU's list
        "CUDA_ERROR_NOT_FOUND" or "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES" or "CL_BUILD_PROGRAM_FAILURE" or "CL_INVALID_WORK_GROUP_SIZE";

    private static string Code(Exception error) => error switch
    {
        CudaException cuda => cuda.Error,
        CLException cl => cl.Error.ToString(),
        OutOfMemoryException => nameof(OutOfMemoryException),
        _ => string.Empty,
    };

    private string OutOfMemory(long bytes, string purpose)
    {
        var arena = device.Arena.Capacity * sizeof(float);
        var asked = bytes == 0 ? "what a kernel needs" : Size(bytes);
        var free = device.Memory() is var (unused, total) ? $"; {Size(unused)} of {Size(total)} are free" : "";
        return $"{device.Name} is out of {purpose}: {asked} asked for; activations hold {Size(arena)}, weights and other buffers " +
            $"{Size(device.Counters.HeldBytes - arena)}{free}. Choose a smaller model or another device, for example --device cpu";
    }

    private static string Size(long bytes) => bytes switch
    {
        >= 1L << 30 => FormattableString.Invariant($"{bytes / (double)(1L << 30):0.00} GiB"),
        >= 1L << 20 => FormattableString.Invariant($"{bytes / (double)(1L << 20):0.0} MiB"),
        _ => FormattableString.Invariant($"{bytes / 1024.0:0.0} KiB"),
    };
}
