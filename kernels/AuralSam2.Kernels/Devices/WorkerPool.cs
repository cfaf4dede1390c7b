using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace AuralSam2.Kernels;

/// <summary>
/// The caller and n - 1 threads that live as long as the pool. Work is a count of independent items, taken from a shared counter;
/// what an item computes never depends on who runs it, so results do not depend on the number of threads.
/// </summary>
/// <remarks>
/// Threads spin for <see cref="SpinMicroseconds"/> after their last item before they sleep: ops follow each other within that time
/// and waking a sleeping thread costs more than many ops do.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    private const int SpinMicroseconds = 100;

    private readonly Thread[] workers;

    // A monitor, not a semaphore: a token of a semaphore can be taken by a thread that has already done its share.
    private readonly object gate = new();
    private Action<int, int>? body;
    private volatile int generation;
    private volatile bool stopping;
    private ExceptionDispatchInfo? failure;
    private int count;
    private int next;
    private int pending;
    private int busy;

    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        workers = new Thread[threads - 1];
        for (var i = 0; i < workers.Length; i++)
        {
            var worker = i + 1;
            workers[i] = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"aural worker {worker}" };
            workers[i].Start();
        }
    }

    /// <summary>Threads that share the work, the caller included.</summary>
    public int Threads => workers.Length + 1;

    /// <summary>
    /// Runs <paramref name="body"/>(item, worker) for items 0 .. <paramref name="count"/> - 1; worker is below <see cref="Threads"/>.
    /// An exception ends the run: it is thrown here, as it was, when no thread is in the body any more.
    /// </summary>
    public void For(int count, Action<int, int> body)
    {
        ObjectDisposedException.ThrowIf(stopping, this);
        if (Interlocked.Exchange(ref busy, 1) != 0)
            throw new InvalidOperationException("a device serves one caller at a time: an op is still running");
        try
        {
            if (workers.Length == 0 || count <= 1) for (var i = 0; i < count; i++) body(i, 0);
            else Share(count, body);
        }
        finally
        {
            Volatile.Write(ref busy, 0);
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            stopping = true;
            generation++;
            Monitor.PulseAll(gate);
        }

        foreach (var worker in workers) worker.Join();
    }

    private void Share(int count, Action<int, int> body)
    {
        this.body = body;
        this.count = count;
        failure = null;
        Volatile.Write(ref next, 0);
        Volatile.Write(ref pending, workers.Length);
        lock (gate)
        {
            generation++;
            Monitor.PulseAll(gate);
        }

        RunItems(0);
        var spin = default(SpinWait);
        while (Volatile.Read(ref pending) > 0) spin.SpinOnce(sleep1Threshold: -1);
        this.body = null;
        failure?.Throw();
    }

    private void Loop(int worker)
    {
        var seen = 0;
        while (true)
        {
            WaitFor(seen);
            seen = generation;
            if (stopping) return;
            RunItems(worker);
            Interlocked.Decrement(ref pending);
        }
    }

    private void WaitFor(int seen)
    {
        var start = Stopwatch.GetTimestamp();
        for (var spins = 1; generation == seen; spins++)
        {
            Thread.SpinWait(8);
            if ((spins & 15) != 0 || Stopwatch.GetElapsedTime(start).TotalMicroseconds < SpinMicroseconds) continue;
            lock (gate)
            {
                while (generation == seen) Monitor.Wait(gate);
            }
        }
    }

    private void RunItems(int worker)
    {
        try
        {
            int item;
            while ((item = Interlocked.Increment(ref next) - 1) < count) body!(item, worker);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref next, count);
        }
    }
}
