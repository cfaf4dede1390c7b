namespace AuralSam2.Kernels;

/// <summary>A block of device memory, in float32 elements. Disposing it frees the memory; views on it are then invalid.</summary>
public abstract class DeviceBuffer : IDisposable
{
    /// <summary>Describes a block that a device has just allocated.</summary>
    protected DeviceBuffer(Device device, long length, nint hostAddress)
    {
        Device = device;
        Length = length;
        HostAddress = hostAddress;
    }

    /// <summary>The device that owns the memory.</summary>
    public Device Device { get; }

    /// <summary>Size in floats.</summary>
    public long Length { get; }

    /// <summary>Address in host memory, or 0 where the memory is not the host's.</summary>
    internal nint HostAddress { get; private set; }

    /// <summary>The whole block as a tensor.</summary>
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
        if (disposed) return;
        disposed = true;
        Free();
        HostAddress = 0;
        GC.SuppressFinalize(this);
    }

    private bool disposed;
}
