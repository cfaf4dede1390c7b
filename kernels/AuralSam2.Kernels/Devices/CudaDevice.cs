using AuralSam2.Kernels.Drivers;
using ILGPU;
using ILGPU.Runtime.Cuda;
using CudaHardware = ILGPU.Runtime.Cuda.CudaDevice;

namespace AuralSam2.Kernels;

/// <summary>An NVIDIA GPU, through PTX that its driver compiles. Opened by <see cref="DeviceCatalog.Open(string, int)"/>.</summary>
public sealed class CudaDevice : IlgpuDevice
{
    /// <summary>Most threads that a kernel asks for; every CUDA GPU has room for them.</summary>
    private const int LargestGroup = 256;

    /// <summary>CUDA_ERROR_DEVICE_UNAVAILABLE, which ILGPU has no name for.</summary>
    private const string DeviceUnavailable = "46";

    /// <summary>Opens a GPU that <see cref="CudaSurvey"/> found usable.</summary>
    /// <param name="ordinal">Its number in the driver's order.</param>
    /// <exception cref="DeviceException">It does not open.</exception>
    internal CudaDevice(int ordinal)
        : this(Open(ordinal), ordinal)
    {
    }

    private CudaDevice((Context Context, CudaAccelerator Accelerator) opened, int ordinal)
        : base(opened.Context, opened.Accelerator, LargestGroup) =>
        Name = $"cuda:{ordinal} ({opened.Accelerator.Name}, {opened.Accelerator.MemorySize >> 30} GiB)";

    /// <inheritdoc/>
    public override string Name { get; }

    private static (Context Context, CudaAccelerator Accelerator) Open(int ordinal)
    {
        DriverLibrary.ServeIlgpu();
        return AcceleratorOpening.Open($"cuda:{ordinal}", context => Hardware(ordinal).CreateCudaAccelerator(context), Reason);
    }

    /// <summary>
    /// ILGPU's view of a GPU. Not through Builder.Cuda(): under WSL that sets a resolver of its own, and fails because ours is there.
    /// </summary>
    private static CudaHardware Hardware(int ordinal) =>
        CudaHardware.GetDevices(_ => true).OfType<CudaHardware>().FirstOrDefault(d => d.DeviceId == ordinal)
        ?? throw new DeviceException($"cuda:{ordinal} does not open: ILGPU cannot read its properties; see whether nvidia-smi works");

    private static string Reason(Exception error) => (error as CudaException)?.Error switch
    {
        nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY) => "its memory is full; nvidia-smi shows who holds it",
        DeviceUnavailable => "another process has it for itself; nvidia-smi shows which, and its compute mode",
        var code => $"{error.Message} ({code ?? error.GetType().Name}); see whether nvidia-smi works",
    };
}
