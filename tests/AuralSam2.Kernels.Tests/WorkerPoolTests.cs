using System.Diagnostics;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Every item once, whoever runs it; and a pool that survives what its work throws.</summary>
public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void EveryItemRunsOnce(int threads)
    {
        using var pool = new WorkerPool(threads);
        foreach (var count in new[] { 0, 1, 2, 3, 7, 64, 1000 })
        {
            var runs = new int[count];
            pool.For(count, (item, worker) =>
            {
                Assert.InRange(worker, 0, threads - 1);
                Interlocked.Increment(ref runs[item]);
            });
            Assert.All(runs, n => Assert.Equal(1, n));
        }
    }

    /// <summary>Short runs with pauses between them, so that threads are caught spinning, about to sleep, and asleep.</summary>
    [Fact]
    public async Task NoWakeUpIsLost()
    {
        var work = Task.Run(() =>
        {
            using var pool = new WorkerPool(4);
            var total = 0;
            for (var round = 0; round < 3000; round++)
            {
                pool.For(4, (_, _) => Interlocked.Increment(ref total));
                var pause = Stopwatch.StartNew();
                while (pause.Elapsed.TotalMicroseconds < round % 160) Thread.SpinWait(4);
            }

            return total;
        });
        Assert.Equal(12000, await work.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void AnExceptionComesOutAndThePoolGoesOn(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (var failing = 0; failing < 40; failing++)
        {
            var inside = 0;
            var thrown = Assert.Throws<ArithmeticException>(() => pool.For(40, (item, _) =>
            {
                Interlocked.Increment(ref inside);
                Thread.SpinWait(200);
                Interlocked.Decrement(ref inside);
                if (item == failing) throw new ArithmeticException($"item {item}");
            }));
            Assert.Equal($"item {failing}", thrown.Message);
            Assert.Equal(0, Volatile.Read(ref inside)); // nobody is in the body any more
            var sum = 0;
            pool.For(100, (item, _) => Interlocked.Add(ref sum, item));
            Assert.Equal(4950, sum);
        }
    }

    /// <summary>Work of the caller alone fails while the others are still busy.</summary>
    [Fact]
    public void TheCallersOwnExceptionWaitsForTheOthers()
    {
        using var pool = new WorkerPool(3);
        for (var round = 0; round < 50; round++)
        {
            var inside = 0;
            using var met = new CountdownEvent(3); // each thread holds one item before any goes on
            Assert.Throws<ArithmeticException>(() => pool.For(3, (_, worker) =>
            {
                Interlocked.Increment(ref inside);
                met.Signal();
                met.Wait();
                if (worker > 0) Thread.SpinWait(20_000);
                Interlocked.Decrement(ref inside);
                if (worker == 0) throw new ArithmeticException();
            }));
            Assert.Equal(0, Volatile.Read(ref inside));
        }
    }

    [Fact]
    public void APoolNeedsAThread() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));
}
