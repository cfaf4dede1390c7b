using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Scratch memory: what nests, what grows, and what is refused.</summary>
public sealed class ArenaTests : IDisposable
{
    private const int Block = 8 << 20; // floats of a block

    private readonly CpuDevice device = new(1);

    public void Dispose() => device.Dispose();

    [Fact]
    public void AnInnerScopeGivesBackWhatItTook()
    {
        using var outer = device.Scope();
        var kept = device.Rent(10);
        Tensor first;
        using (device.Scope()) first = device.Rent(7, 3);
        var second = device.Rent(7, 3);
        Assert.Equal((first.Buffer, first.Offset), (second.Buffer, second.Offset));
        Assert.True(kept.Offset + kept.Length <= second.Offset);
        Assert.Equal(1, device.Arena.OpenScopes);
    }

    [Fact]
    public void EveryTensorStartsOnACacheLine()
    {
        using var scope = device.Scope();
        Assert.All(Enumerable.Range(1, 40), n => Assert.Equal(0, device.Rent(n).Offset % 16));
    }

    [Fact]
    public void GrowsOnceAndThenStays()
    {
        void Frame()
        {
            using var scope = device.Scope();
            device.Rent(3, Block / 4);
            device.Rent(Block / 2); // no room left in the first block
            using (device.Scope()) device.Rent(2 * Block); // larger than a block
            device.Rent(100);
        }

        Frame();
        var capacity = device.Arena.Capacity;
        Assert.Equal(4L * Block, capacity);
        for (var i = 0; i < 5; i++) Frame();
        Assert.Equal(capacity, device.Arena.Capacity);
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Fact]
    public void AFrameAllocatesNothing()
    {
        void Frame()
        {
            using var scope = device.Scope();
            for (var i = 1; i < 50; i++) device.Rent(i, 2, 3).Slice(0, 1).SliceColumns(1, 2);
        }

        Frame();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) Frame();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void TensorsOfOneScopeDoNotOverlap()
    {
        using var scope = device.Scope();
        var tensors = Enumerable.Range(1, 20).Select(n => device.Rent(n, 17)).ToArray();
        for (var i = 0; i < tensors.Length; i++) device.Fill(tensors[i], i);
        for (var i = 0; i < tensors.Length; i++) Assert.All(device.Download(tensors[i]), v => Assert.Equal(i, v));
    }

    [Fact]
    public void RentingOutsideAScopeIsRefused() => Assert.Throws<InvalidOperationException>(() => device.Rent(3));

    [Fact]
    public void ClosingInTheWrongOrderIsRefused()
    {
        var outer = device.Scope();
        var inner = device.Scope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        Assert.Throws<InvalidOperationException>(inner.Dispose);
        outer.Dispose();
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    [Fact]
    public void AnOpThatThrowsLeavesNoScopeOpen()
    {
        Action op = () =>
        {
            using var scope = device.Scope();
            device.Rent(3);
            throw new ArithmeticException();
        };
        Assert.Throws<ArithmeticException>(op);
        Assert.Equal(0, device.Arena.OpenScopes);
    }
}
