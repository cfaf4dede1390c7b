namespace AuralSam2.Kernels;

/// <summary>What can compute.</summary>
public enum DeviceKind
{
    /// <summary>No choice: the first CUDA GPU that can be used, else the processor.</summary>
    Auto,

    /// <summary>The host's processor: <see cref="CpuDevice"/>.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU: <see cref="CudaDevice"/>.</summary>
    Cuda,

    /// <summary>Any OpenCL device, experimental: <see cref="OpenClDevice"/>.</summary>
    OpenCl,

    /// <summary>The GPU kernels on the processor, for tests and debuggers: <see cref="EmulatorDevice"/>.</summary>
    Emulator,
}
