namespace AuralSam2.Kernels;

/// <summary>
/// What a device did since it was opened. The difference of two readings is what happened between them: after the first frame of a shape it
/// holds no allocations and one synchronisation per frame.
/// </summary>
public record struct DeviceCounters
{
    /// <summary>Blocks of memory allocated, on the device or page-locked on the host.</summary>
    public long Allocations { get; internal set; }

    /// <summary>Bytes that the device's buffers hold now; in a difference, by how many they grew.</summary>
    public long HeldBytes { get; internal set; }

    /// <summary>Kernels launched. Zero on the host's processor, whose ops launch none.</summary>
    public long Launches { get; internal set; }

    /// <summary>Copies from the host to the device.</summary>
    public long Uploads { get; internal set; }

    /// <summary>Copies from the device to the host.</summary>
    public long Downloads { get; internal set; }

    /// <summary>How often the host waited for the device.</summary>
    public long Synchronizations { get; internal set; }

    /// <summary>What happened between two readings.</summary>
    public static DeviceCounters operator -(DeviceCounters later, DeviceCounters earlier) => new()
    {
        Allocations = later.Allocations - earlier.Allocations,
        HeldBytes = later.HeldBytes - earlier.HeldBytes,
        Launches = later.Launches - earlier.Launches,
        Uploads = later.Uploads - earlier.Uploads,
        Downloads = later.Downloads - earlier.Downloads,
        Synchronizations = later.Synchronizations - earlier.Synchronizations,
    };
}
