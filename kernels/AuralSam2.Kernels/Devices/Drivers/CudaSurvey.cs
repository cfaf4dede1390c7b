using ILGPU.Runtime.Cuda;

namespace AuralSam2.Kernels.Drivers;

/// <summary>Which CUDA GPUs there are, and why one cannot be used: in words for the person who can change it.</summary>
internal static class CudaSurvey
{
    /// <summary>Least compute capability: Volta's, the first whose threads wait at a barrier one by one.</summary>
    private const int LeastMajor = 7;

    /// <summary>All GPUs in the driver's order, or one entry that says why there is none.</summary>
    public static IReadOnlyList<DeviceListing> Of(ICudaDriver driver)
    {
        if (!driver.Load()) return None("no NVIDIA driver found");
        var result = driver.Initialize();
        if (result != 0) return None(Faulty(driver, result));
        result = driver.Version(out var version);
        if (result != 0) return None(Faulty(driver, result));
        result = driver.Count(out var count);
        if (result != 0) return None(Faulty(driver, result));
        return count == 0 ? None(NoGpu(driver)) : [.. Enumerable.Range(0, count).Select(ordinal => Of(driver, ordinal, version))];
    }

    private static DeviceListing Of(ICudaDriver driver, int ordinal, int version)
    {
        var result = driver.Describe(ordinal, out var gpu);
        return result == 0
            ? new DeviceListing($"cuda:{ordinal}", DeviceKind.Cuda, gpu.Name, gpu.MemoryBytes, Shortcoming(gpu, version))
            : new DeviceListing($"cuda:{ordinal}", DeviceKind.Cuda, "NVIDIA GPU", null, Faulty(driver, result));
    }

    /// <summary>
    /// What a GPU or its driver lacks. A driver can be too old for the PTX that a GPU needs; none is too new, since each reads the PTX of all
    /// before it and a GPU newer than ILGPU is given that of the newest known one.
    /// </summary>
    private static string? Shortcoming(CudaGpu gpu, int version)
    {
        var capability = $"{gpu.Major}.{gpu.Minor}";
        if (gpu.Major < LeastMajor) return $"compute capability {capability}; the kernels need at least {LeastMajor}.0";
        if (GroupMemory.Shortage(gpu.SharedBytes) is { } shortage) return shortage;
        var installed = CudaDriverVersion.FromValue(version);
        return CudaAccelerator.TryGetInstructionSet(new CudaArchitecture(gpu.Major, gpu.Minor), installed, out var needed, out _)
            ? null
            : $"the driver is too old: it knows CUDA {installed}, and compute capability {capability} needs {needed}; update the NVIDIA driver";
    }

    private static string Faulty(ICudaDriver driver, int result)
    {
        var advice = result switch
        {
            CudaResult.NoDevice => NoGpu(driver),
            CudaResult.InvalidDevice when driver.VisibleDevices is not null => NoGpu(driver),
            CudaResult.StubLibrary =>
                "what is found as the NVIDIA driver is the CUDA toolkit's stub of it; install a driver, or take the stub off LD_LIBRARY_PATH",
            CudaResult.SystemNotReady => "the NVIDIA driver waits for the NVLink fabric; start the service nvidia-fabricmanager",
            CudaResult.DriverMismatch => "the NVIDIA driver's library and its kernel module are of different versions; restart the machine",
            CudaResult.CompatibilityUnsupported =>
                "CUDA's compatibility libraries do not fit this GPU; take them off LD_LIBRARY_PATH, or update the driver",
            CudaResult.Incomplete => "what is found as the NVIDIA driver lacks functions of one; reinstall the driver",
            CudaResult.Unknown =>
                "the NVIDIA driver fails to start; see whether nvidia-smi works, load its kernel module nvidia_uvm, or restart the machine",
            _ => "the NVIDIA driver fails to start; see whether nvidia-smi works",
        };
        return result == CudaResult.Incomplete ? advice : $"{advice} ({driver.NameOf(result) ?? "CUDA error"} {result})";
    }

    private static string NoGpu(ICudaDriver driver) => driver.VisibleDevices is { } visible
        ? $"no GPU is visible, for CUDA_VISIBLE_DEVICES is set to '{visible}'"
        : "the NVIDIA driver sees no GPU; a container has to be started with one";

    private static DeviceListing[] None(string reason) => [new("cuda", DeviceKind.Cuda, "NVIDIA GPU", null, reason)];
}
