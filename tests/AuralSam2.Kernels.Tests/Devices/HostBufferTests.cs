using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>Host memory that devices copy from and to: one behaviour, whether copies are done at once or later.</summary>
public sealed class HostBufferTests
{
    private static Device Open(string kind) => kind switch
    {
        "cpu" => new CpuDevice(1),
        "emulator" => new EmulatorDevice(),
        _ => new FakeStreamDevice(new FakeStreams(Haste.Lazy)),
    };

    [Theory, InlineData("cpu"), InlineData("emulator"), InlineData("streams")]
    public void CopiesBothWays(string kind)
    {
        using var device = Open(kind);
        var x = device.AllocateTensor(2, 3);
        using var host = device.AllocateHost(10);
        for (var i = 0; i < 10; i++) host.Span[i] = i;
        device.BeginUpload(host, x);
        Assert.Equal([0, 1, 2, 3, 4, 5], device.Download(x));
        host.Span.Fill(-1);
        device.BeginDownload(x, host);
        device.Synchronize();
        Assert.Equal([0, 1, 2, 3, 4, 5, -1, -1, -1, -1], host.Span.ToArray());
    }

    /// <summary>Strided rows pass through dense memory by a kernel, which the emulator runs at once: copies must have happened then.</summary>
    [Theory, InlineData("cpu"), InlineData("emulator"), InlineData("eager")]
    public void CopiesStridedRows(string kind)
    {
        using var device = kind == "eager" ? new FakeStreamDevice(new FakeStreams(Haste.CopiesFirst)) : Open(kind);
        var all = device.AllocateTensor(3, 5);
        device.Fill(all, 0);
        var columns = all.SliceColumns(1, 2);
        using var host = device.AllocateHost(6);
        for (var i = 0; i < 6; i++) host.Span[i] = i + 1;
        device.BeginUpload(host, columns);
        host.Span.Clear();
        device.BeginDownload(columns, host);
        Assert.Equal([1, 2, 3, 4, 5, 6], host.Span.ToArray());
        Assert.Equal([0, 1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 5, 6, 0, 0], device.Download(all));
    }

    [Theory, InlineData("cpu"), InlineData("emulator"), InlineData("streams")]
    public void RefusesWhatDoesNotFit(string kind)
    {
        using var device = Open(kind);
        using var other = new CpuDevice(1);
        var x = device.AllocateTensor(4);
        using var host = device.AllocateHost(3);
        using var foreign = other.AllocateHost(4);
        Assert.StartsWith("3 floats of host memory", Assert.Throws<ArgumentException>(() => device.BeginUpload(host, x)).Message);
        Assert.StartsWith("3 floats of host memory", Assert.Throws<ArgumentException>(() => device.BeginDownload(x, host)).Message);
        Assert.StartsWith("host memory of cpu", Assert.Throws<ArgumentException>(() => device.BeginUpload(foreign, x)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => device.AllocateHost(0));
    }

    [Theory, InlineData("cpu"), InlineData("emulator"), InlineData("streams")]
    public void MemoryThatWasGivenBackIsRefused(string kind)
    {
        var device = Open(kind);
        var (early, late) = (device.AllocateHost(3), device.AllocateHost(3));
        early.Dispose();
        early.Dispose();
        Assert.Throws<ObjectDisposedException>(() => early.Span.Clear());
        Assert.Throws<ObjectDisposedException>(() => device.BeginUpload(early, device.AllocateTensor(3)));
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(() => late.Span.Clear());
        late.Dispose();
    }
}
