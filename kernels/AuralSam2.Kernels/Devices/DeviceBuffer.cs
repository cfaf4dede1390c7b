namespace AuralSam2.Kernels;

/// <summary>A block of device memory, in float32 elements. Disposing it frees the memory; views on it are then invalid.</summary>
public abstract class DeviceBuffer : IDisposable
{
    private nint hostAddress;

    /// <summary>Describes a block that a device has just allocated.</summary>
    protected DeviceBuffer(Device device, long length, nint hostAddress)
    {
        Device = device;
        Length = length;
        this.hostAddress = hostAddress;
        device.Count.Allocations++;
        device.Count.HeldBytes += length * sizeof(float);
    }

    /// <summary>The device that owns the memory.</summary>
    public Device Device { get; }

    /// <summary>Whether the memory was given back.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>Size in floats.</summary>
    public long Length { get; }

    /// <summary>Address in host memory.</summary>
    /// <exception cref="InvalidOperationException">The memory is not the host's, or was given back.</exception>
    internal nint HostAddress => hostAddress != 0
        ? hostAddress
        : throw new InvalidOperationException(
            IsDisposed
                ? "a tensor is used after its memory was given back"
                : $"a tensor of {Device.Name} is given to an op on the host");

    /// <summary>A dense tensor at the start of the block.</summary>
    /// <exception cref="ArgumentException">The shape needs more elements than the block has.</exception>
    public Tensor View(params ReadOnlySpan<int> dims)
    {
        var shape = new Shape(dims);
        if (shape.Length > Length) throw new ArgumentException($"{shape} does not fit in a buffer of {Length} floats");
        return new Tensor(this, 0, shape, shape.Columns);
    }

    /// <summary>Gives the memory back.</summary>
    protected abstract void Free();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (IsDisposed) return;
        IsDisposed = true;
        Free();
        hostAddress = 0;
        Device.Count.HeldBytes -= Length * sizeof(float);
        GC.SuppressFinalize(this);
    }
}
