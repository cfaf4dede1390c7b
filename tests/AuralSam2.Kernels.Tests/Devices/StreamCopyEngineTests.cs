using System.Runtime.InteropServices;
using ILGPU.Runtime;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>
/// Copies beside kernels: which calls order them, and that whatever a device may do between these calls gives the values of a program
/// without streams.
/// </summary>
public sealed class StreamCopyEngineTests
{
    private const int Floats = 8;
    private const int Bytes = Floats * sizeof(float);

    /// <summary>What a frame is made of: the next picture is copied while this one's kernels run, and there is one synchronisation.</summary>
    [Fact]
    public void ACopyIntoABufferThatRestsWaitsForNoKernelAndAKernelWaitsForItsOwnCopy()
    {
        var streams = new FakeStreams(Haste.Lazy);
        using var device = new FakeStreamDevice(streams);
        Tensor[] pictures = [device.AllocateTensor(Floats), device.AllocateTensor(Floats)];
        var result = device.AllocateTensor(Floats);
        HostBuffer[] staged = [device.AllocateHost(Floats), device.AllocateHost(Floats)]; // events 2 and 3; 1 is the engine's own
        using var answer = device.AllocateHost(Floats); // event 4
        staged[0].Span.Fill(1);
        device.BeginUpload(staged[0], pictures[0]);
        streams.TakeCalls();
        for (var frame = 0; frame < 4; frame++)
        {
            var before = device.Counters;
            var (now, next) = (frame % 2, (frame + 1) % 2);
            staged[next].Span.Fill(frame + 2);
            device.BeginUpload(staged[next], pictures[next]);
            Kernel(device, streams, pictures[now], result, factor: 1, addend: 0);
            device.BeginDownload(result, answer);
            device.Synchronize();

            Assert.All(answer.Span.ToArray(), v => Assert.Equal(frame + 1, v));
            Assert.Equal(new DeviceCounters { Uploads = 1, Downloads = 1, Synchronizations = 1 }, device.Counters - before);
            string[] picture = frame == 0 ? ["Compute waits for 2"] : []; // later ones were there when the host last waited
            Assert.Equal(
                [
                    $"copy {Bytes} on Copy", $"record {2 + next} on Copy",
                    .. picture, "kernel",
                    "record 1 on Compute", "Copy waits for 1", $"copy {Bytes} on Copy", "record 4 on Copy",
                    "host waits for Compute", "host waits for Copy",
                ],
                streams.TakeCalls());
        }

        foreach (var host in staged) host.Dispose();
    }

    [Fact]
    public void AnUploadDoesNotOvertakeAKernelThatReadsItsDestination()
    {
        var streams = new FakeStreams(Haste.CopiesFirst);
        using var device = new FakeStreamDevice(streams);
        Tensor x = device.AllocateTensor(Floats), y = device.AllocateTensor(Floats);
        using var host = device.AllocateHost(Floats);
        device.Upload([1, 1, 1, 1, 1, 1, 1, 1], x);
        Kernel(device, streams, x, y, factor: 1, addend: 0);
        host.Span.Fill(2);
        device.BeginUpload(host, x);
        Assert.All(device.Download(y), v => Assert.Equal(1, v));
        Assert.All(device.Download(x), v => Assert.Equal(2, v));
    }

    [Fact]
    public void TheHostWaitsForACopyBeforeItTouchesTheBufferAndOnlyThen()
    {
        var streams = new FakeStreams(Haste.Lazy);
        using var device = new FakeStreamDevice(streams);
        var x = device.AllocateTensor(Floats);
        using var host = device.AllocateHost(Floats);
        host.Span.Fill(1);
        device.BeginUpload(host, x);
        var before = device.Counters;
        host.Span.Fill(2);
        Assert.Equal(1, (device.Counters - before).Synchronizations);
        host.Span.Fill(3);
        Assert.Equal(1, (device.Counters - before).Synchronizations);
        Assert.All(device.Download(x), v => Assert.Equal(1, v));
    }

    /// <summary>Programs at random, on devices of every haste, against the same program one step after the other.</summary>
    [Theory, InlineData(Haste.Lazy), InlineData(Haste.CopiesFirst), InlineData(Haste.KernelsFirst), InlineData(Haste.Random)]
    public void EveryOrderThatADeviceMayChooseGivesTheSameValues(Haste haste)
    {
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var streams = new FakeStreams(haste, seed);
            using var device = new FakeStreamDevice(streams);
            using var shared = device.Allocate(2 * Floats);
            var halves = shared.View(2, Floats);
            Tensor[] tensors = [device.AllocateTensor(Floats), device.AllocateTensor(Floats), halves.At(0), halves.At(1)];
            HostBuffer[] hosts = [device.AllocateHost(Floats), device.AllocateHost(Floats + 3)];
            var (onDevice, onHost) = (new float[tensors.Length], new float[hosts.Length]);
            foreach (var tensor in tensors) device.Upload(new float[Floats], tensor);
            foreach (var host in hosts) host.Span.Clear();
            for (var step = 0; step < 600; step++)
            {
                var (t, h, value) = (random.Next(tensors.Length), random.Next(hosts.Length), (float)random.Next(100));
                switch (random.Next(10))
                {
                    case 0:
                        hosts[h].Span.Fill(onHost[h] = value);
                        break;
                    case 1 or 2:
                        device.BeginUpload(hosts[h], tensors[t]);
                        onDevice[t] = onHost[h];
                        break;
                    case 3:
                        device.BeginDownload(tensors[t], hosts[h]);
                        onHost[h] = onDevice[t];
                        break;
                    case 4 or 5 or 6:
                        var into = random.Next(tensors.Length);
                        Kernel(device, streams, tensors[t], tensors[into], factor: 0.5f, addend: value);
                        onDevice[into] = (onDevice[t] * 0.5f) + value;
                        break;
                    case 7:
                        device.Upload([.. Enumerable.Repeat(value, Floats)], tensors[t]);
                        onDevice[t] = value;
                        break;
                    case 8 when random.Next(3) == 0:
                        device.Synchronize();
                        break;
                    case 9 when random.Next(3) == 0:
                        hosts[h].Dispose();
                        hosts[h] = device.AllocateHost(Floats + 1);
                        hosts[h].Span.Fill(onHost[h] = value);
                        break;
                    default:
                        Assert.All(hosts[h].Span[..Floats].ToArray(), v => Assert.Equal(onHost[h], v));
                        break;
                }
            }

            for (var i = 0; i < tensors.Length; i++) Assert.All(device.Download(tensors[i]), v => Assert.Equal(onDevice[i], v));
            for (var i = 0; i < hosts.Length; i++) Assert.All(hosts[i].Span[..Floats].ToArray(), v => Assert.Equal(onHost[i], v));
            foreach (var host in hosts) host.Dispose();
            device.Dispose();
            Assert.Equal(0, streams.Held);
        }
    }

    /// <summary>More than the ring holds, from memory that is overwritten as soon as the call returns.</summary>
    [Theory, InlineData(Haste.Lazy), InlineData(Haste.Random)]
    public void ASpanMayBeOverwrittenWhenUploadReturns(Haste haste)
    {
        var streams = new FakeStreams(haste);
        using var device = new FakeStreamDevice(streams);
        var large = device.AllocateTensor(3, StagingRing.HalfFloats + 7);
        var small = device.AllocateTensor(5);
        var values = new float[large.Length];
        for (var i = 0; i < values.Length; i++) values[i] = i % 1001;
        var before = device.Counters;
        device.Upload(values, large);
        Assert.InRange((device.Counters - before).Synchronizations, 0, 3);
        values.AsSpan().Fill(-1);
        before = device.Counters;
        for (var i = 0; i < 100; i++) device.Upload([i, i, i, i, i], small);
        Assert.Equal(new DeviceCounters { Uploads = 100 }, device.Counters - before);

        Assert.Equal([99, 99, 99, 99, 99], device.Download(small));
        var got = device.Download(large);
        for (var i = 0; i < got.Length; i++) Assert.Equal(i % 1001, got[i]);
    }

    [Fact]
    public void AFrameMakesNoManagedObjects()
    {
        var streams = new SilentStreams();
        using var device = new FakeStreamDevice(streams);
        var x = device.AllocateTensor(Floats);
        using var host = device.AllocateHost(Floats);
        var values = new float[Floats];
        void Frame()
        {
            host.Span.Fill(1);
            device.BeginUpload(host, x);
            _ = device.View(x);
            device.Upload(values, x);
            device.BeginDownload(x, host);
            device.Synchronize();
            device.Download(x, values);
        }

        Frame();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++) Frame();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>Queues what a kernel would do: to = from * factor + addend. Like every kernel it gets its memory from the device before.</summary>
    private static unsafe void Kernel(FakeStreamDevice device, FakeStreams streams, Tensor from, Tensor to, float factor, float addend)
    {
        var (x, y) = (Address(device, from), Address(device, to));
        streams.Kernel(() =>
        {
            for (var i = 0; i < Floats; i++) ((float*)y)[i] = (((float*)x)[i] * factor) + addend;
        });
    }

    private static nint Address(FakeStreamDevice device, Tensor tensor) => device.View(tensor).LoadEffectiveAddressAsPtr();

    /// <summary>Copies at once and keeps no record.</summary>
    private sealed unsafe class SilentStreams : IStreamDriver
    {
        public nint AllocatePageLocked(long bytes) => (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);

        public void FreePageLocked(nint address) => NativeMemory.AlignedFree((void*)address);

        public nint CreateEvent() => 1;

        public void DestroyEvent(nint signal)
        {
        }

        public void Record(nint signal, DeviceStream stream)
        {
        }

        public void Wait(DeviceStream stream, nint signal)
        {
        }

        public void Copy(nint destination, nint source, long bytes, DeviceStream stream) =>
            Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes);

        public bool HasHappened(nint signal) => true;

        public void Synchronize(nint signal)
        {
        }

        public void Synchronize(DeviceStream stream)
        {
        }

        public void Dispose()
        {
        }
    }
}
