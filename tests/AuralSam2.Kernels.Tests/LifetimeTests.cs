using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>What is used after it was given back, or twice at a time, says so and does not hang or read freed memory.</summary>
public sealed class LifetimeTests
{
    [Fact]
    public void AFreedTensorIsRefused()
    {
        using var device = new CpuDevice(1);
        Tensor x = device.AllocateTensor(2, 3), y = device.AllocateTensor(2, 3);
        x.Buffer.Dispose();
        Assert.Contains("given back", Assert.Throws<InvalidOperationException>(() => Elementwise.Add(device, x, x, y)).Message, StringComparison.Ordinal);
        y.Buffer.Dispose();
    }

    [Fact]
    public void ATensorOfTheEmulatorIsRefusedByTheProcessor()
    {
        using var device = new CpuDevice(1);
        using var emulator = new EmulatorDevice();
        var foreign = emulator.AllocateTensor(2, 3);
        Assert.Contains("emulator", Assert.Throws<InvalidOperationException>(() => Elementwise.Add(device, foreign, foreign, foreign)).Message, StringComparison.Ordinal);
        foreign.Buffer.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ADisposedPoolAndASecondCallerAreRefused(int threads)
    {
        var pool = new WorkerPool(threads);
        Assert.Throws<InvalidOperationException>(() => pool.For(1, (_, _) => pool.For(1, (_, _) => { })));
        pool.For(1, (_, _) => { }); // and it goes on
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.For(4, (_, _) => { }));
    }

    [Fact]
    public void ASliceThatOverflowsIsOutOfRange()
    {
        using var device = new CpuDevice(1);
        using var scope = device.Scope();
        var x = device.Rent(4, 4);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Slice(1, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.SliceColumns(1, int.MaxValue));
    }
}
