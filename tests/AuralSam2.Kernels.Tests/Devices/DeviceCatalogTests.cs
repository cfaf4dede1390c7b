using AuralSam2.Kernels.Drivers;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>What the catalogue says about drivers in every state that can be pretended, and what it opens then.</summary>
public sealed class DeviceCatalogTests
{
    private static readonly FakeOpenClDriver NoOpenCl = new() { Present = false };

    /// <summary>Each fault of a driver, and the words that its line must have.</summary>
    private static readonly Dictionary<string, (FakeCudaDriver Driver, string[] Words)> Faults = new()
    {
        ["no driver"] = (new() { Present = false }, ["no NVIDIA driver found"]),
        ["no GPU"] = (new() { InitializeResult = 100 }, ["sees no GPU", "container", "100"]),
        ["no GPU either"] = (new() { Gpus = [] }, ["sees no GPU", "container"]),
        ["hidden"] = (new() { InitializeResult = 100, VisibleDevices = "" }, ["CUDA_VISIBLE_DEVICES is set to ''", "100"]),
        ["hidden, counted"] = (new() { Gpus = [], VisibleDevices = "-1" }, ["CUDA_VISIBLE_DEVICES is set to '-1'"]),
        ["misnamed"] = (new() { InitializeResult = 101, VisibleDevices = "GPU-0" }, ["CUDA_VISIBLE_DEVICES is set to 'GPU-0'", "101"]),
        ["stub"] = (new() { InitializeResult = 34 }, ["stub", "LD_LIBRARY_PATH", "34"]),
        ["fabric"] = (new() { InitializeResult = 802 }, ["nvidia-fabricmanager", "802"]),
        ["half updated"] = (new() { InitializeResult = 803 }, ["kernel module", "restart", "803"]),
        ["compatibility"] = (new() { InitializeResult = 804 }, ["compatibility libraries", "804"]),
        ["unknown"] = (new() { InitializeResult = 999 }, ["nvidia_uvm", "CUDA_ERROR_UNKNOWN 999"]),
        ["any other"] = (new() { InitializeResult = 3 }, ["fails to start", "nvidia-smi", "CUDA error 3"]),
        ["not a driver"] = (new() { InitializeResult = CudaResult.Incomplete }, ["lacks functions", "reinstall"]),
        ["no version"] = (new() { VersionResult = 3 }, ["fails to start", "CUDA error 3"]),
        ["no count"] = (new() { CountResult = 3 }, ["fails to start", "CUDA error 3"]),
        ["not described"] = (new() { DescribeResult = 999 }, ["CUDA_ERROR_UNKNOWN 999"]),
        ["old driver"] = (new() { DriverVersion = 11_070 }, ["too old", "CUDA 11.7", "9.0 needs 11.8", "update"]),
        ["ancient driver"] = (new() { DriverVersion = 8_000 }, ["too old", "CUDA 8.0", "needs 11.8"]),
        ["old GPU"] = (new() { Gpus = [FakeCudaDriver.H200 with { Major = 6, Minor = 1 }] }, ["compute capability 6.1", "at least 7.0"]),
        ["little memory"] = (new() { Gpus = [FakeCudaDriver.H200 with { SharedBytes = 32 * 1024 }] }, ["32 KB of shared memory", "48 KB"]),
    };

    public static TheoryData<string> FaultNames => [.. Faults.Keys];

    [Theory, MemberData(nameof(FaultNames))]
    public void EveryFaultHasItsLine(string fault)
    {
        var (driver, words) = Faults[fault];
        var listing = Assert.Single(Cuda(driver));
        Assert.NotNull(listing.Unusable);
        Assert.DoesNotContain('\n', listing.Unusable);
        Assert.All(words, w => Assert.Contains(w, listing.Unusable, StringComparison.Ordinal));
    }

    /// <summary>A GPU that is asked for is an error with the reason, and the processor is never taken in its place.</summary>
    [Theory, MemberData(nameof(FaultNames))]
    public void AFaultyGpuThatIsAskedForIsAnError(string fault)
    {
        var (driver, words) = Faults[fault];
        var error = Assert.Throws<DeviceException>(() => new DeviceCatalog(driver, NoOpenCl).Open("cuda"));
        Assert.StartsWith("cuda:0 cannot be used: ", error.Message, StringComparison.Ordinal);
        Assert.All(words, w => Assert.Contains(w, error.Message, StringComparison.Ordinal));
        Assert.Empty(driver.Opened);
    }

    [Theory, MemberData(nameof(FaultNames))]
    public void AutoTakesTheProcessorAndSaysWhy(string fault)
    {
        var (driver, words) = Faults[fault];
        using var device = new DeviceCatalog(driver, NoOpenCl).Open("auto", 1, out var note);
        Assert.IsType<CpuDevice>(device);
        Assert.Matches("^(no CUDA GPU|cuda:0 cannot be used): ", note);
        Assert.All(words, w => Assert.Contains(w, note, StringComparison.Ordinal));
        Assert.Empty(driver.Opened);
    }

    /// <summary>Drivers read the PTX of all before them, and the newest known PTX serves GPUs that are newer still.</summary>
    [Theory]
    [InlineData(11_080, 9, 0)]
    [InlineData(9_000, 7, 0)]
    [InlineData(12_080, 12, 0)]
    [InlineData(13_020, 9, 0)]
    [InlineData(99_090, 9, 0)]
    [InlineData(99_090, 42, 7)]
    public void AnyDriverThatIsNewEnoughWillDo(int version, int major, int minor)
    {
        var driver = new FakeCudaDriver { DriverVersion = version, Gpus = [FakeCudaDriver.H200 with { Major = major, Minor = minor }] };
        Assert.Null(Assert.Single(Cuda(driver)).Unusable);
    }

    [Fact]
    public void TheListHasAllKindsInOrder()
    {
        var old = FakeCudaDriver.H200 with { Name = "NVIDIA GeForce GTX 1080", Major = 6, Minor = 1 };
        var blunt = FakeOpenClDriver.Arc with { Name = "pthread", Platform = "Portable Computing Language", GenericAddressSpace = false };
        var catalog = new DeviceCatalog(
            new FakeCudaDriver { Gpus = [old, FakeCudaDriver.H200] }, new FakeOpenClDriver { Hardware = [blunt, FakeOpenClDriver.Arc] });
        var list = catalog.List();
        Assert.Equal(["cpu", "cuda:0", "cuda:1", "opencl:0", "opencl:1", "emulator"], list.Select(l => l.Id));
        Assert.Equal([true, false, true, false, true, true], list.Select(l => l.Unusable is null));
        Assert.Equal(("NVIDIA H200", 150_000_000_000), (list[2].Name, list[2].MemoryBytes));
        Assert.Equal("Arc A770, Intel", list[4].Name);
        Assert.True(list[0].MemoryBytes > 1 << 20);
    }

    [Fact]
    public void OpenClSaysWhyNot()
    {
        Says(new() { Present = false }, "opencl", "no OpenCL loader");
        Says(new() { PlatformCount = 0 }, "opencl", "no vendor's driver");
        Says(new() { Hardware = [] }, "opencl", "no device");
        Says(new() { Hardware = [FakeOpenClDriver.Arc with { GenericAddressSpace = false }] }, "opencl:0", "generic address space");
        Says(new() { Hardware = [FakeOpenClDriver.Arc with { IsProcessor = true }] }, "opencl:0", "it is the processor", "--device cpu");
        Says(new() { Hardware = [FakeOpenClDriver.Arc with { Language = new Version(1, 2) }] }, "opencl:0", "OpenCL C 1.2", "2.0");
        Says(new() { Hardware = [FakeOpenClDriver.Arc with { SharedBytes = 32 * 1024 }] }, "opencl:0", "32 KB of shared memory");
        Says(new() { Fault = new InvalidOperationException("broken\nin two lines") }, "opencl", "broken; in two lines");

        static void Says(FakeOpenClDriver driver, string id, params string[] words)
        {
            var catalog = new DeviceCatalog(new FakeCudaDriver { Present = false }, driver);
            var listing = Assert.Single(catalog.List(), l => l.Kind == DeviceKind.OpenCl);
            Assert.Equal(id, listing.Id);
            var error = Assert.Throws<DeviceException>(() => catalog.Open("opencl"));
            Assert.All(words, w => Assert.Contains(w, listing.Unusable!, StringComparison.Ordinal));
            Assert.Equal($"opencl:0 cannot be used: {listing.Unusable}", error.Message);
            Assert.Empty(driver.Opened);
        }
    }

    [Fact]
    public void OpenClIsNeverTakenUnaskedAndOpensWithAWarning()
    {
        var driver = new FakeOpenClDriver { Hardware = [FakeOpenClDriver.Arc, FakeOpenClDriver.Arc] };
        var catalog = new DeviceCatalog(new FakeCudaDriver { Present = false }, driver);
        using (catalog.Open("auto", 1, out _)) Assert.Empty(driver.Opened);
        using (catalog.Open("opencl:1", 1, out var note)) Assert.Contains("experimental", note, StringComparison.Ordinal);
        Assert.Equal([1], driver.Opened);
    }

    [Fact]
    public void AutoTakesTheFirstGpuThatOpens()
    {
        var old = FakeCudaDriver.H200 with { Major = 5, Minor = 2 };
        var driver = new FakeCudaDriver
        {
            Gpus = [old, FakeCudaDriver.H200, FakeCudaDriver.H200, FakeCudaDriver.H200],
            Broken = { [1] = new DeviceException("cuda:1 does not open: its memory is full") },
        };
        using var device = new DeviceCatalog(driver, NoOpenCl).Open("auto", 1, out var note);
        Assert.Equal([1, 2], driver.Opened);
        Assert.Contains("cuda:0 cannot be used: compute capability 5.2", note, StringComparison.Ordinal);
        Assert.EndsWith("; cuda:1 does not open: its memory is full", note, StringComparison.Ordinal);
    }

    [Fact]
    public void AutoHasNothingToSayAboutAGpu()
    {
        var driver = new FakeCudaDriver();
        using var device = new DeviceCatalog(driver, NoOpenCl).Open("auto", 1, out var note);
        Assert.Null(note);
        Assert.Equal([0], driver.Opened);
    }

    [Fact]
    public void AGpuThatDoesNotOpenIsAnError()
    {
        var held = new FakeCudaDriver { Broken = { [0] = new DeviceException("cuda:0 does not open: another process has it") } };
        var error = Assert.Throws<DeviceException>(() => new DeviceCatalog(held, NoOpenCl).Open("cuda:0"));
        Assert.Equal("cuda:0 does not open: another process has it", error.Message);

        var broken = new FakeCudaDriver { Broken = { [0] = new InvalidOperationException("no stream") } };
        error = Assert.Throws<DeviceException>(() => new DeviceCatalog(broken, NoOpenCl).Open("cuda:0"));
        Assert.Equal("cuda:0 does not open: no stream (InvalidOperationException)", error.Message);
    }

    [Fact]
    public void AGpuThatIsNotThereIsAnError()
    {
        var driver = new FakeCudaDriver { Gpus = [FakeCudaDriver.H200, FakeCudaDriver.H200] };
        var error = Assert.Throws<DeviceException>(() => new DeviceCatalog(driver, NoOpenCl).Open("cuda:2"));
        Assert.Equal("there is no cuda:2; this machine has cuda:0, cuda:1", error.Message);
    }

    [Fact]
    public void ProcessorAndEmulatorNeedNoDriver()
    {
        var catalog = new DeviceCatalog(new FakeCudaDriver { Present = false }, NoOpenCl);
        using (var cpu = catalog.Open("cpu", 1, out var note)) Assert.Equal((1, null), (cpu.Parallelism, note));
        using (var emulator = Assert.IsType<EmulatorDevice>(catalog.Open("emulator:4"))) Assert.Equal(4, emulator.MaxGroupSize);
        Assert.Throws<FormatException>(() => catalog.Open("tpu"));
    }

    private static IEnumerable<DeviceListing> Cuda(FakeCudaDriver driver) =>
        new DeviceCatalog(driver, NoOpenCl).List().Where(l => l.Kind == DeviceKind.Cuda);
}
