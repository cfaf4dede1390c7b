using AuralSam2.Kernels.Drivers;
using AuralSam2.Kernels.Registry;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>
/// What this machine has. Where it has a GPU, or an OpenCL driver, all ops with kernels run on it; where not, the reason is checked.
/// </summary>
/// <remarks>
/// PoCL 6, which is OpenCL on the processor, runs the kernels with as many threads as a GPU does, where the emulator has time for
/// four. It is sound with one group at a time: set POCL_MAX_PTHREAD_COUNT to 1.
/// </remarks>
public sealed class HardwareTests
{
    public static TheoryData<string> Gpus => ["cuda", "opencl"];

    [Fact]
    public void TheListOfThisMachineIsComplete()
    {
        var list = new DeviceCatalog().List();
        Assert.Equal(["cpu", "cuda", "opencl", "emulator"], list.Select(l => l.Id.Split(':')[0]).Distinct());
        Assert.All(list.Where(l => l.Unusable is not null), l => Assert.Matches("^[^\n]+$", l.Unusable));
        if (!DriverLibrary.TryLoadCuda(out _)) Assert.Equal("no NVIDIA driver found", First("cuda").Unusable);
        if (!DriverLibrary.TryLoadOpenCl(out _)) Assert.StartsWith("no OpenCL loader found", First("opencl").Unusable, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Gpus))]
    public void WhatCannotBeUsedSaysSoWhenItIsAskedFor(string kind)
    {
        var listing = First(kind);
        if (listing.Unusable is null) Assert.Skip($"{listing.Id} can be used");
        var error = Assert.Throws<DeviceException>(() => new DeviceCatalog().Open(kind));
        Assert.Contains(listing.Unusable, error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Gpus))]
    public void TheRegistryAgreesWithReference(string kind)
    {
        var listing = First(kind);
        var oneGroupAtATime = listing.Id == "opencl:0" && Environment.GetEnvironmentVariable("POCL_MAX_PTHREAD_COUNT") == "1";
        if (listing.Unusable is { } reason && !oneGroupAtATime) Assert.Skip($"{listing.Id}: {reason}");
        using var device = oneGroupAtATime ? new OpenClDriver().Open(0) : new DeviceCatalog().Open(kind);
        var cases = OpRegistry.Cases.Where(c => !c.Real && OpRegistry.GpuOps.Contains(c.Op));
        var failures = cases.Select(c => OpRunner.Check(device, c)).Where(outcome => !outcome.Ok).ToArray();
        Assert.True(failures.Length == 0, string.Join('\n', failures.AsEnumerable()));
    }

    private static DeviceListing First(string kind) => new DeviceCatalog().List().First(l => l.Id.StartsWith(kind, StringComparison.Ordinal));
}
