using System.Runtime.InteropServices;
using System.Text;

namespace AuralSam2.Kernels.Drivers;

/// <summary>The driver of this machine, through the few functions of its interface that need no context.</summary>
internal sealed unsafe class CudaDriver : ICudaDriver
{
    private const int SharedMemoryPerBlock = 8; // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK
    private const int CapabilityMajor = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    private const int CapabilityMinor = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
    private const int LongestName = 256;

    private nint library;

    /// <inheritdoc/>
    public string? VisibleDevices => Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");

    /// <inheritdoc/>
    public bool Load() => library != 0 || DriverLibrary.TryLoadCuda(out library);

    /// <inheritdoc/>
    public int Initialize()
    {
        var f = (delegate* unmanaged<uint, int>)Find("cuInit");
        return f is null ? CudaResult.Incomplete : f(0);
    }

    /// <inheritdoc/>
    public int Version(out int version)
    {
        version = 0;
        var f = (delegate* unmanaged<int*, int>)Find("cuDriverGetVersion");
        fixed (int* value = &version) return f is null ? CudaResult.Incomplete : f(value);
    }

    /// <inheritdoc/>
    public int Count(out int count)
    {
        count = 0;
        var f = (delegate* unmanaged<int*, int>)Find("cuDeviceGetCount");
        fixed (int* value = &count) return f is null ? CudaResult.Incomplete : f(value);
    }

    /// <inheritdoc/>
    public int Describe(int ordinal, out CudaGpu gpu)
    {
        gpu = default;
        var get = (delegate* unmanaged<int*, int, int>)Find("cuDeviceGet");
        var getName = (delegate* unmanaged<byte*, int, int, int>)Find("cuDeviceGetName");
        var getMemory = (delegate* unmanaged<nuint*, int, int>)Find("cuDeviceTotalMem_v2");
        var getAttribute = (delegate* unmanaged<int*, int, int, int>)Find("cuDeviceGetAttribute");
        if (get is null || getName is null || getMemory is null || getAttribute is null) return CudaResult.Incomplete;

        int device = 0, major = 0, minor = 0, shared = 0;
        nuint memory = 0;
        var name = stackalloc byte[LongestName];
        var result = get(&device, ordinal);
        if (result == 0) result = getName(name, LongestName, device);
        if (result == 0) result = getMemory(&memory, device);
        if (result == 0) result = getAttribute(&major, CapabilityMajor, device);
        if (result == 0) result = getAttribute(&minor, CapabilityMinor, device);
        if (result == 0) result = getAttribute(&shared, SharedMemoryPerBlock, device);
        if (result != 0) return result;
        gpu = new CudaGpu(Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)), (long)memory, major, minor, shared);
        return result;
    }

    /// <inheritdoc/>
    public string? NameOf(int result)
    {
        byte* name = null;
        var f = (delegate* unmanaged<int, byte**, int>)Find("cuGetErrorName");
        return f is not null && f(result, &name) == 0 && name is not null ? Marshal.PtrToStringUTF8((nint)name) : null;
    }

    /// <inheritdoc/>
    public Device Open(int ordinal) => new CudaDevice(ordinal);

    private nint Find(string function) => NativeLibrary.TryGetExport(library, function, out var address) ? address : 0;
}
