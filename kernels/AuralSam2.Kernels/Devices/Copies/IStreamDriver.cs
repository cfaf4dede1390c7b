namespace AuralSam2.Kernels;

/// <summary>The two queues of work on a device: what is in one runs in order, what is in two runs side by side.</summary>
internal enum DeviceStream
{
    /// <summary>Kernels, and copies in order with them.</summary>
    Compute,

    /// <summary>Copies beside the kernels.</summary>
    Copy,
}

/// <summary>
/// The calls of a driver that copies need, behind an interface so that a test can see which are made in which order. Addresses are bytes;
/// events are handles.
/// </summary>
internal interface IStreamDriver : IDisposable
{
    /// <summary>Allocates host memory that the device reads and writes by itself.</summary>
    nint AllocatePageLocked(long bytes);

    /// <summary>Frees it; nothing uses it any more.</summary>
    void FreePageLocked(nint address);

    /// <summary>Makes an event.</summary>
    nint CreateEvent();

    /// <summary>Frees an event; nothing waits for it any more.</summary>
    void DestroyEvent(nint signal);

    /// <summary>The event will have happened when the stream gets to this place.</summary>
    void Record(nint signal, DeviceStream stream);

    /// <summary>The stream goes on, on the device, when the event has happened as it was recorded last.</summary>
    void Wait(DeviceStream stream, nint signal);

    /// <summary>Queues a copy between host and device.</summary>
    void Copy(nint destination, nint source, long bytes, DeviceStream stream);

    /// <summary>Whether the event has happened.</summary>
    bool HasHappened(nint signal);

    /// <summary>The host waits for an event.</summary>
    void Synchronize(nint signal);

    /// <summary>The host waits until a stream is empty.</summary>
    void Synchronize(DeviceStream stream);
}
