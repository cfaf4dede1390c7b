namespace AuralSam2.Kernels;

/// <summary>
/// A device cannot be opened, or has failed: no driver, out of memory, lost in mid-run. The message is one line that a user can act on.
/// A device that was lost can only be disposed, and the process can go on with another one; a device without memory for one thing may have
/// it for another.
/// </summary>
public sealed class DeviceException : Exception
{
    /// <summary>Describes the failure.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Describes the failure and what the driver said.</summary>
    public DeviceException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
