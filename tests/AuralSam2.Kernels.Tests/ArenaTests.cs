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
    public void GrowsOnceAndIsOneBlockOfWhatWasNeededFromThenOn()
    {
        Tensor Frame()
        {
            using var scope = device.Scope();
            var first = device.Rent(3, Block / 4);
            device.Rent(Block / 2); // no room left in the first block
            using (device.Scope()) device.Rent(2 * Block); // larger than a block
            device.Rent(100);
            return first;
        }

        Frame();
        Assert.Equal((3L * Block / 4) + (Block / 2) + (2L * Block), device.Arena.Capacity);
        var before = device.Counters;
        for (var i = 0; i < 5; i++) Assert.Equal(device.Arena.Capacity, Frame().Buffer.Length);
        Assert.Equal(default, device.Counters - before);
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    /// <summary>The peak of memory is that of the first run: old blocks go before the new one comes.</summary>
    [Fact]
    public void UnitingItsBlocksNeverHoldsMoreThanTheyDid()
    {
        using var watched = new WatchedDevice();
        using (watched.Scope())
        {
            for (var i = 0; i < 5; i++) watched.Rent((Block / 2) + 16); // one to a block: nearly half of each is wasted
            Assert.Equal(5L * Block, watched.Arena.Capacity);
        }

        Assert.Equal(5L * ((Block / 2) + 16), watched.Arena.Capacity);
        Assert.Equal(5L * Block * sizeof(float), watched.PeakBytes);
        Assert.Equal(5L * ((Block / 2) + 16) * sizeof(float), watched.Counters.HeldBytes);
    }

    [Fact]
    public void ALargerShapeGrowsItAgain()
    {
        void Frame(int floats)
        {
            using var scope = device.Scope();
            for (var i = 0; i < 3; i++) device.Rent(floats);
        }

        Frame(Block / 2);
        Frame(Block);
        Assert.Equal(3L * Block, device.Arena.Capacity);
        Frame(Block / 2); // a smaller one changes nothing
        Assert.Equal(3L * Block, device.Arena.Capacity);
    }

    /// <summary>An outermost scope may close because memory ran out; that must not hide the reason.</summary>
    [Fact]
    public void UnitingThatFailsLeavesAnEmptyArena()
    {
        using var watched = new WatchedDevice();
        using (watched.Scope())
        {
            watched.Rent(Block);
            watched.Rent(Block);
            watched.Allocations = 0;
        }

        Assert.Equal(0, watched.Arena.Capacity);
        watched.Allocations = 1;
        using var scope = watched.Scope();
        watched.Rent(5);
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

    /// <summary>Without memory: counts down how many allocations succeed, and remembers the most bytes that were held at a time.</summary>
    private sealed class WatchedDevice : Device
    {
        public int Allocations { get; set; } = int.MaxValue;

        public long PeakBytes { get; private set; }

        public override string Name => "watched";

        public override int Parallelism => 1;

        public override DeviceBuffer Allocate(long length)
        {
            if (Allocations-- <= 0) throw new OutOfMemoryException();
            var buffer = new NoBuffer(this, length);
            PeakBytes = Math.Max(PeakBytes, Counters.HeldBytes);
            return buffer;
        }

        protected internal override void FillCore(Tensor destination, float value) => throw new NotSupportedException();

        public override void Synchronize()
        {
        }

        protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination) => throw new NotSupportedException();

        protected override void DownloadCore(Tensor source, Span<float> destination) => throw new NotSupportedException();

        protected internal override void CopyCore(Tensor source, Tensor destination) => throw new NotSupportedException();

        private sealed class NoBuffer(Device device, long length) : DeviceBuffer(device, length, 0)
        {
            protected override void Free()
            {
            }
        }
    }
}
