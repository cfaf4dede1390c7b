using AuralSam2.Kernels;

namespace AuralSam2.Predictors;

/// <summary>Ends work on a device with the op that runs when it is cancelled.</summary>
internal sealed class CancellationWatch : IDeviceObserver, IDisposable
{
    private readonly Device device;
    private readonly CancellationToken cancellation;

    /// <summary>Begins to watch, until disposed.</summary>
    /// <exception cref="OperationCanceledException">It is cancelled already.</exception>
    public CancellationWatch(Device device, CancellationToken cancellation)
    {
        (this.device, this.cancellation) = (device, cancellation);
        cancellation.ThrowIfCancellationRequested();
        if (cancellation.CanBeCanceled) device.Attach(this);
    }

    /// <inheritdoc/>
    public bool NeedsShape => false;

    /// <inheritdoc/>
    public bool NeedsDeviceTime => false;

    /// <inheritdoc/>
    public void BeginModule(string path, long timestamp)
    {
    }

    /// <inheritdoc/>
    public void EndModule(long timestamp)
    {
    }

    /// <inheritdoc/>
    public void BeginOp(in OpInvocation call)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="OperationCanceledException">It is cancelled. Not thrown inside an op, whose own scratch memory must go
    /// first.</exception>
    public void EndOp(in OpInvocation call, in OpCost cost)
    {
        if (call.Depth == 0) cancellation.ThrowIfCancellationRequested();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (cancellation.CanBeCanceled) device.Detach(this);
    }
}
