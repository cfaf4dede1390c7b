using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>
/// Copies on a stream of their own, ordered with the kernels by events on the device. What makes that safe is that every kernel gets its memory
/// through <see cref="IlgpuBuffer.Memory"/>, which calls <see cref="Use"/>.
/// </summary>
/// <remarks>
/// <para>Kernels wait for a copy of the buffer that they use, and only for that: frame n computes while frame n + 1 is copied.</para>
/// <para>
/// A copy waits for the kernels launched before it if one of them may use the buffer. Which one did is not recorded; that it was in this epoch
/// is, and an epoch ends with each synchronisation. A buffer that was last used in an earlier epoch is copied to at once.
/// </para>
/// <para>Copies that begin are numbered; they happen in that order.</para>
/// </remarks>
internal sealed class StreamCopyEngine(IlgpuDevice device, IStreamDriver driver) : CopyEngine
{
    private readonly nint computed = driver.CreateEvent(); // recorded where a copy has to wait for kernels
    private readonly StagingRing staging = new(device, driver);
    private long epoch; // synchronisations so far
    private long begun; // copies so far
    private long finished; // copies up to this one are known to be done
    private long awaited; // kernels wait for copies up to this one

    public override HostBuffer AllocateHost(long length) =>
        new PageLockedBuffer(this, device, length, driver.AllocatePageLocked(checked(length * sizeof(float))), driver.CreateEvent());

    public override void Use(IlgpuBuffer buffer)
    {
        buffer.LastUse = epoch;
        if (buffer.LastCopy <= Math.Max(awaited, finished)) return;
        driver.Wait(DeviceStream.Compute, buffer.Copied);
        awaited = buffer.LastCopy;
    }

    public override void Upload(ReadOnlySpan<float> source, ArrayView<float> destination) =>
        staging.Upload(source, destination.LoadEffectiveAddressAsPtr());

    public override unsafe void Download(ArrayView<float> source, Span<float> destination)
    {
        fixed (float* target = destination)
        {
            driver.Copy((nint)target, source.LoadEffectiveAddressAsPtr(), source.LengthInBytes, DeviceStream.Compute);
            Synchronize();
        }
    }

    public override void BeginUpload(HostBuffer source, IlgpuBuffer buffer, ArrayView<float> destination) =>
        Begin((PageLockedBuffer)source, buffer, destination.LoadEffectiveAddressAsPtr(), source.Address, destination.LengthInBytes);

    public override void BeginDownload(IlgpuBuffer buffer, ArrayView<float> source, HostBuffer destination) =>
        Begin((PageLockedBuffer)destination, buffer, destination.Address, source.LoadEffectiveAddressAsPtr(), source.LengthInBytes);

    public override void Synchronize()
    {
        device.Count.Synchronizations++;
        driver.Synchronize(DeviceStream.Compute);
        if (finished < begun) driver.Synchronize(DeviceStream.Copy);
        finished = begun;
        epoch++;
        staging.Restart();
    }

    public override void Dispose()
    {
        staging.Dispose();
        driver.DestroyEvent(computed);
        driver.Dispose();
    }

    private void Begin(PageLockedBuffer host, IlgpuBuffer buffer, nint destination, nint source, long bytes)
    {
        if (buffer.LastUse == epoch)
        {
            driver.Record(computed, DeviceStream.Compute);
            driver.Wait(DeviceStream.Copy, computed);
        }

        driver.Copy(destination, source, bytes, DeviceStream.Copy);
        driver.Record(host.Copied, DeviceStream.Copy);
        host.LastCopy = buffer.LastCopy = ++begun;
        buffer.Copied = host.Copied;
    }

    private void Free(nint pageLocked, nint copied)
    {
        driver.DestroyEvent(copied);
        driver.FreePageLocked(pageLocked);
    }

    private void WaitFor(PageLockedBuffer host)
    {
        if (host.LastCopy <= finished) return;
        if (!driver.HasHappened(host.Copied))
        {
            device.Count.Synchronizations++;
            driver.Synchronize(host.Copied);
        }

        finished = host.LastCopy;
    }

    /// <summary>Page-locked memory, and the event that happens when the last copy that uses it is done.</summary>
    /// <remarks>
    /// A device buffer may refer to the event of a host buffer that has begun another copy since: kernels then wait for the later one too. It may
    /// refer to a host buffer that was disposed: its copies were waited for, and nobody waits for the event.
    /// </remarks>
    private sealed class PageLockedBuffer(StreamCopyEngine engine, IlgpuDevice device, long length, nint address, nint copied)
        : HostBuffer(device, length, address)
    {
        public nint Copied { get; } = copied;

        public long LastCopy { get; set; }

        private protected override void WaitForTransfer() => engine.WaitFor(this);

        private protected override void Free(nint address)
        {
            if (Device.IsDisposed) return; // and took the memory along
            try
            {
                engine.WaitFor(this);
                engine.Free(address, Copied);
            }
            catch (DeviceException)
            {
                // The device was lost. What it holds goes with it; disposing does not throw.
            }
        }
    }
}
