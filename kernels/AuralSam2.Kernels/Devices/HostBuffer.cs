using System.Runtime.InteropServices;

namespace AuralSam2.Kernels;

/// <summary>
/// Host memory that a device copies from and to by itself, while kernels run: page-locked on CUDA, plain memory elsewhere. Made by
/// <see cref="Device.AllocateHost"/>.
/// </summary>
/// <remarks>
/// <see cref="Span"/> is the only way to the values and waits for the copy that still uses them: a buffer cannot be refilled too early or read
/// too soon, unless a span is kept across <see cref="Device.BeginUpload"/> or <see cref="Device.BeginDownload"/>. Two buffers in turn keep
/// the host from waiting.
/// </remarks>
public abstract unsafe class HostBuffer : IDisposable
{
    private nint address;

    /// <summary>Describes memory that has just been allocated.</summary>
    private protected HostBuffer(Device device, long length, nint address)
    {
        Device = device;
        Length = length;
        this.address = address;
        device.Count.Allocations++;
    }

    /// <summary>The device that copies from and to this memory.</summary>
    public Device Device { get; }

    /// <summary>Size in floats.</summary>
    public long Length { get; }

    /// <summary>All values. Waits for the copy that still uses them; ask again after each copy.</summary>
    /// <exception cref="ObjectDisposedException">The memory was given back.</exception>
    /// <exception cref="DeviceException">The device was lost during the copy.</exception>
    public Span<float> Span
    {
        get
        {
            var start = Address;
            WaitForTransfer();
            return new((void*)start, checked((int)Length));
        }
    }

    /// <summary>Where the memory starts.</summary>
    internal nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(address == 0 || Device.IsDisposed, this);
            return address;
        }
    }

    /// <summary>Returns when no copy uses the memory any more.</summary>
    private protected abstract void WaitForTransfer();

    /// <summary>Gives the memory back; no copy uses it.</summary>
    private protected abstract void Free(nint address);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (address == 0) return;
        var freed = address;
        address = 0;
        Free(freed);
        GC.SuppressFinalize(this);
    }
}

/// <summary>Memory of a device whose copies are done when the call that begins them returns.</summary>
internal sealed unsafe class PlainHostBuffer(Device device, long length) : HostBuffer(device, length, Allocate(length))
{
    private const nuint CacheLine = 64;

    private protected override void WaitForTransfer()
    {
    }

    private protected override void Free(nint address) => NativeMemory.AlignedFree((void*)address);

    private static nint Allocate(long length) =>
        (nint)NativeMemory.AlignedAlloc(Math.Max(CacheLine, checked((nuint)length * sizeof(float))), CacheLine);
}
