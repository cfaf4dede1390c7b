using AuralSam2.Kernels.Drivers;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>An NVIDIA driver that says what a test wants to hear. By default a healthy one with one H200.</summary>
internal sealed class FakeCudaDriver : ICudaDriver
{
    public static readonly CudaGpu H200 = new("NVIDIA H200", 150_000_000_000, 9, 0, 48 * 1024);

    public bool Present { get; init; } = true;

    public int InitializeResult { get; init; }

    public int VersionResult { get; init; }

    public int CountResult { get; init; }

    public int DescribeResult { get; init; }

    public int DriverVersion { get; init; } = 12_080;

    public CudaGpu[] Gpus { get; init; } = [H200];

    /// <summary>What a GPU of this number throws when it is opened.</summary>
    public Dictionary<int, Exception> Broken { get; init; } = [];

    /// <summary>Numbers that were opened, or tried.</summary>
    public List<int> Opened { get; } = [];

    public string? VisibleDevices { get; init; }

    public bool Load() => Present;

    public int Initialize() => InitializeResult;

    public int Version(out int version)
    {
        version = DriverVersion;
        return VersionResult;
    }

    public int Count(out int count)
    {
        count = Gpus.Length;
        return CountResult;
    }

    public int Describe(int ordinal, out CudaGpu gpu)
    {
        gpu = Gpus[ordinal];
        return DescribeResult;
    }

    public string? NameOf(int result) => result == CudaResult.Unknown ? "CUDA_ERROR_UNKNOWN" : null;

    /// <summary>The processor stands in for the GPU.</summary>
    public Device Open(int ordinal)
    {
        Opened.Add(ordinal);
        return Broken.TryGetValue(ordinal, out var error) ? throw error : new CpuDevice(1);
    }
}

/// <summary>OpenCL that says what a test wants to hear. By default a healthy one with one device.</summary>
internal sealed class FakeOpenClDriver : IOpenClDriver
{
    public static readonly OpenClHardware Arc = new("Arc A770", "Intel", false, 16_000_000_000, 64 * 1024, new Version(3, 0), true);

    public bool Present { get; init; } = true;

    public int PlatformCount { get; init; } = 1;

    public OpenClHardware[] Hardware { get; init; } = [Arc];

    public Exception? Fault { get; init; }

    /// <summary>Numbers that were opened.</summary>
    public List<int> Opened { get; } = [];

    public bool Load() => Present;

    public int Platforms() => PlatformCount;

    public IReadOnlyList<OpenClHardware> Devices() => Fault is null ? Hardware : throw Fault;

    /// <summary>The processor stands in for the device.</summary>
    public Device Open(int number)
    {
        Opened.Add(number);
        return new CpuDevice(1);
    }
}
