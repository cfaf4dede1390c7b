using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>What devices count: the numbers by which "a frame allocates nothing and waits once" is asserted.</summary>
public sealed class DeviceCountersTests
{
    [Fact]
    public void TheEmulatorCountsWhatAGpuWouldDo()
    {
        using var device = new EmulatorDevice();
        var before = device.Counters;
        var x = device.AllocateTensor(3, 4);
        Assert.Equal(new DeviceCounters { Allocations = 1, HeldBytes = 48 }, device.Counters - before);

        before = device.Counters;
        device.Fill(x, 1);
        device.Upload(new float[12], x);
        device.Copy(x, x);
        Assert.Equal(new DeviceCounters { Launches = 2, Uploads = 1 }, device.Counters - before);

        before = device.Counters;
        device.Download(x);
        device.Synchronize();
        Assert.Equal(new DeviceCounters { Downloads = 1, Synchronizations = 2 }, device.Counters - before);

        before = device.Counters;
        x.Buffer.Dispose();
        x.Buffer.Dispose();
        Assert.Equal(new DeviceCounters { HeldBytes = -48 }, device.Counters - before);
    }

    [Fact]
    public void AFrameAfterTheFirstAllocatesNothingAndWaitsOnce()
    {
        using var device = new EmulatorDevice();
        Tensor[] pictures = [device.AllocateTensor(6, 6), device.AllocateTensor(6, 6)];
        HostBuffer[] staged = [device.AllocateHost(36), device.AllocateHost(36)];
        using var answer = device.AllocateHost(36);
        void Frame(int frame)
        {
            staged[frame % 2].Span.Fill(frame);
            device.BeginUpload(staged[frame % 2], pictures[frame % 2]);
            using var scope = device.Scope();
            var y = device.Rent(6, 6);
            device.Copy(pictures[frame % 2], y);
            device.BeginDownload(y, answer);
            device.Synchronize();
            Assert.Equal(frame, answer.Span[35]);
        }

        Frame(0);
        for (var frame = 1; frame < 4; frame++)
        {
            var before = device.Counters;
            Frame(frame);
            Assert.Equal(new DeviceCounters { Launches = 1, Uploads = 1, Downloads = 1, Synchronizations = 1 }, device.Counters - before);
        }

        foreach (var host in staged) host.Dispose();
    }

    [Fact]
    public void TheProcessorCountsMemoryAndCopies()
    {
        using var device = new CpuDevice(1);
        var before = device.Counters;
        var x = device.AllocateTensor(5);
        device.Upload(new float[5], x);
        device.Download(x);
        device.Upload([], device.AllocateTensor(0));
        Assert.Equal(new DeviceCounters { Allocations = 2, HeldBytes = 20, Uploads = 1, Downloads = 1 }, device.Counters - before);
    }

    [Fact]
    public void AnAllocationThatFailsIsNotCounted()
    {
        using var device = new CpuDevice(1);
        var before = device.Counters;
        Assert.ThrowsAny<Exception>(() => device.Allocate(long.MaxValue / 8));
        Assert.Equal(default, device.Counters - before);
    }
}
