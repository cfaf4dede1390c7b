namespace AuralSam2.Kernels.Drivers;

/// <summary>What is asked of NVIDIA's driver before anything is computed; tests put a broken one in its place.</summary>
/// <remarks>Numbers that are returned are results of the driver interface (CUresult), 0 for success.</remarks>
internal interface ICudaDriver
{
    /// <summary>The variable CUDA_VISIBLE_DEVICES; null when it is not set.</summary>
    string? VisibleDevices { get; }

    /// <summary>Loads the driver's library; false where there is none.</summary>
    bool Load();

    /// <summary>Starts the driver (cuInit).</summary>
    int Initialize();

    /// <summary>Newest CUDA version that the driver knows: 1000 * major + 10 * minor.</summary>
    int Version(out int version);

    /// <summary>Number of GPUs.</summary>
    int Count(out int count);

    /// <summary>Describes one GPU.</summary>
    int Describe(int ordinal, out CudaGpu gpu);

    /// <summary>The driver's name for a result; null where it has none.</summary>
    string? NameOf(int result);

    /// <summary>Opens a GPU that <see cref="CudaSurvey"/> found usable.</summary>
    /// <exception cref="DeviceException">It does not open after all: another process holds it, its memory is full.</exception>
    Device Open(int ordinal);
}

/// <summary>A GPU as its driver describes it.</summary>
/// <param name="Name">For example <c>NVIDIA H200</c>.</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="Major">Compute capability before the point.</param>
/// <param name="Minor">Compute capability behind the point.</param>
/// <param name="SharedBytes">Shared memory that a group may have without asking for more.</param>
internal readonly record struct CudaGpu(string Name, long MemoryBytes, int Major, int Minor, int SharedBytes);
