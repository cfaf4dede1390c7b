namespace AuralSam2.Kernels;

/// <summary>
/// Two halves of page-locked memory that values from ordinary memory pass through, in order with the kernels: while one half is copied to the
/// device the other is filled. A caller's span is free when it has been read.
/// </summary>
internal sealed unsafe class StagingRing(IlgpuDevice device, IStreamDriver driver) : IDisposable
{
    /// <summary>Floats of a half: 4 MB. Small uploads follow each other in it, so that few of them ever wait.</summary>
    public const int HalfFloats = 1 << 20;

    private const int CacheLine = 64 / sizeof(float);

    private readonly nint[] left = new nint[2]; // events: all copies from that half are done
    private readonly bool[] leaving = new bool[2];
    private nint memory;
    private int half;
    private int used;

    public void Upload(ReadOnlySpan<float> source, nint destination)
    {
        if (memory == 0) Open();
        while (!source.IsEmpty)
        {
            if (used == HalfFloats) Turn();
            var piece = source[..Math.Min(source.Length, HalfFloats - used)];
            var place = memory + (((half * HalfFloats) + used) * (nint)sizeof(float));
            var bytes = piece.Length * (nint)sizeof(float);
            piece.CopyTo(new Span<float>((void*)place, piece.Length));
            driver.Copy(destination, place, bytes, DeviceStream.Compute);
            used = Math.Min(HalfFloats, used + ((piece.Length + CacheLine - 1) / CacheLine * CacheLine));
            destination += bytes;
            source = source[piece.Length..];
        }
    }

    /// <summary>All copies are done: both halves are free.</summary>
    public void Restart()
    {
        used = 0;
        leaving.AsSpan().Clear();
    }

    public void Dispose()
    {
        if (memory == 0) return;
        driver.FreePageLocked(memory);
        foreach (var signal in left) driver.DestroyEvent(signal);
    }

    private void Open()
    {
        memory = driver.AllocatePageLocked(2L * HalfFloats * sizeof(float));
        device.Count.Allocations++;
        for (var i = 0; i < left.Length; i++) left[i] = driver.CreateEvent();
    }

    /// <summary>Goes to the other half and waits until what was in it has left.</summary>
    private void Turn()
    {
        driver.Record(left[half], DeviceStream.Compute);
        leaving[half] = true;
        half = 1 - half;
        used = 0;
        if (leaving[half] && !driver.HasHappened(left[half]))
        {
            device.Count.Synchronizations++;
            driver.Synchronize(left[half]);
        }

        leaving[half] = false;
    }
}
