using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

public class CpuPeakTests
{
    [Fact]
    public void Every_instruction_set_has_a_rate()
    {
        foreach (var isa in CpuIsas.Available)
            Assert.InRange(CpuPeak.FmaGflops(threads: 1, isa), 0.1, 1e5);
    }

    [Fact]
    public void Memory_has_a_bandwidth()
    {
        var (read, copy) = CpuPeak.MemoryBandwidth(threads: 2);
        Assert.InRange(read, 0.1, 1e5);
        Assert.InRange(copy, 0.1, 1e5);
    }

    [Fact]
    public void A_glance_shows_both_limits()
    {
        var (gflops, read) = CpuPeak.Glance(threads: 2);
        Assert.InRange(gflops, 0.1, 1e5);
        Assert.InRange(read, 0.1, 1e5);
    }

    [Fact]
    public void A_negative_number_of_threads_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuPeak.FmaGflops(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuPeak.MemoryBandwidth(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuPeak.Glance(-1));
    }
}
