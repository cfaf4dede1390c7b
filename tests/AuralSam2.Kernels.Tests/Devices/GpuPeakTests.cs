using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

public class GpuPeakTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Both_limits_have_a_rate(int groupSize)
    {
        using var device = new EmulatorDevice(groupSize);
        Assert.InRange(GpuPeak.FmaGflops(device), 1e-6, 1e5);
        var (kernel, driver) = GpuPeak.CopyGBs(device);
        Assert.InRange(kernel, 1e-6, 1e5);
        Assert.InRange(driver, 1e-6, 1e5);
    }

    /// <summary>A rate of work that is not done would be no limit.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_work_is_done(int groupSize)
    {
        using var device = new EmulatorDevice(groupSize);
        using var sums = device.Allocate(groupSize);
        device.Launch(GpuPeak.FmaKernel, 1, groupSize, 0, new GpuPeak.FmaArguments(device.View(sums.View(groupSize)), 0.5f, 96));
        Assert.All(device.Download(sums.View(groupSize)), sum => Assert.Equal(16, sum, 1e-5)); // sixteen chains, each at 1

        const int groups = 3;
        var count = groups * 16 * groupSize;
        using var source = device.Allocate(count);
        using var destination = device.Allocate(count);
        var values = Enumerable.Range(1, count).Select(i => (float)i).ToArray();
        device.Upload(values, source.View(count));
        device.Fill(destination.View(count), 0);
        var arguments = new GpuPeak.CopyArguments(
            device.View(source.View(count)).Cast<Simt.Float4>(), device.View(destination.View(count)).Cast<Simt.Float4>());
        device.Launch(GpuPeak.CopyKernel, groups, groupSize, 0, arguments);
        Assert.Equal(values, device.Download(destination.View(count)));
    }
}
