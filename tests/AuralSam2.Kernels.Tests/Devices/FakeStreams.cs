using System.Runtime.InteropServices;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>How far the two streams of <see cref="FakeStreams"/> get while the host goes on.</summary>
public enum Haste
{
    /// <summary>Nothing happens until the host waits for it.</summary>
    Lazy,

    /// <summary>Copies happen as soon as they may, kernels as late as they may.</summary>
    CopiesFirst,

    /// <summary>Kernels happen as soon as they may, copies as late as they may.</summary>
    KernelsFirst,

    /// <summary>Either gets on by chance.</summary>
    Random,
}

/// <summary>
/// Two streams and their events without a device: what is queued happens later, in an order that a real device might choose as well. Records
/// the calls.
/// </summary>
internal sealed unsafe class FakeStreams(Haste haste, int seed = 1) : IStreamDriver
{
    private readonly Queue<Work>[] streams = [new(), new()];
    private readonly Dictionary<nint, Mark> events = [];
    private readonly Random random = new(seed);
    private readonly List<string> calls = [];
    private readonly HashSet<nint> memory = [];
    private int lastEvent;

    /// <summary>Calls since the last time they were taken.</summary>
    public string[] TakeCalls()
    {
        string[] taken = [.. calls];
        calls.Clear();
        return taken;
    }

    /// <summary>Page-locked blocks and events that were not given back.</summary>
    public int Held => memory.Count + events.Count;

    /// <summary>Queues what a kernel would do.</summary>
    public void Kernel(Action body)
    {
        calls.Add("kernel");
        Queue(DeviceStream.Compute, new Work(body, After: null));
    }

    public nint AllocatePageLocked(long bytes)
    {
        var address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        memory.Add(address);
        return address;
    }

    public void FreePageLocked(nint address)
    {
        Assert.True(memory.Remove(address));
        NativeMemory.AlignedFree((void*)address);
    }

    public nint CreateEvent()
    {
        events.Add(++lastEvent, Mark.Past);
        return lastEvent;
    }

    public void DestroyEvent(nint signal) => Assert.True(events.Remove(signal));

    public void Record(nint signal, DeviceStream stream)
    {
        calls.Add($"record {signal} on {stream}");
        Assert.True(events.ContainsKey(signal));
        var mark = events[signal] = new Mark();
        Queue(stream, new Work(() => mark.Happened = true, After: null));
    }

    public void Wait(DeviceStream stream, nint signal)
    {
        calls.Add($"{stream} waits for {signal}");
        Queue(stream, new Work(() => { }, After: events[signal]));
    }

    public void Copy(nint destination, nint source, long bytes, DeviceStream stream)
    {
        calls.Add($"copy {bytes} on {stream}");
        Queue(stream, new Work(() => Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes), After: null));
    }

    public bool HasHappened(nint signal) => events[signal].Happened;

    public void Synchronize(nint signal)
    {
        calls.Add($"host waits for {signal}");
        while (!events[signal].Happened) Advance(DeviceStream.Copy);
    }

    public void Synchronize(DeviceStream stream)
    {
        calls.Add($"host waits for {stream}");
        while (streams[(int)stream].Count > 0) Advance(stream);
    }

    public void Dispose()
    {
    }

    private void Queue(DeviceStream stream, Work work)
    {
        streams[(int)stream].Enqueue(work);
        switch (haste)
        {
            case Haste.CopiesFirst: while (TryStep(DeviceStream.Copy)) { } break;
            case Haste.KernelsFirst: while (TryStep(DeviceStream.Compute)) { } break;
            case Haste.Random: for (var i = random.Next(4); i > 0; i--) TryStep((DeviceStream)random.Next(2)); break;
        }
    }

    /// <summary>One step of a stream, or of the one that it waits for.</summary>
    private void Advance(DeviceStream stream)
    {
        if (!TryStep(stream) && !TryStep(1 - stream)) Assert.Fail("the streams wait for each other");
    }

    private bool TryStep(DeviceStream stream)
    {
        if (!streams[(int)stream].TryPeek(out var work) || work.After is { Happened: false }) return false;
        streams[(int)stream].Dequeue().Body();
        return true;
    }

    private sealed record Work(Action Body, Mark? After);

    private sealed class Mark
    {
        public static readonly Mark Past = new() { Happened = true };

        public bool Happened { get; set; }
    }
}

/// <summary>The emulator with copies on streams, as a GPU has them.</summary>
internal sealed class FakeStreamDevice : IlgpuDevice
{
    public FakeStreamDevice(IStreamDriver streams)
        : this(EmulatorDevice.Open(groupSize: 1, multiprocessors: 1), streams)
    {
    }

    private FakeStreamDevice((ILGPU.Context Context, ILGPU.Runtime.CPU.CPUAccelerator Accelerator) opened, IStreamDriver streams)
        : base(opened.Context, opened.Accelerator, maxGroupSize: 1, streams)
    {
    }

    public override string Name => "fake streams";
}
