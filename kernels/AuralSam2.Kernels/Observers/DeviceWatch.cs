using System.Diagnostics;

namespace AuralSam2.Kernels;

/// <summary>Those who watch one device, and what it is in the middle of.</summary>
internal sealed class DeviceWatch(Device device)
{
    private readonly Device device = device;
    private readonly DeviceTelemetry telemetry = new();
    private IDeviceObserver[] attached = [];
    private int depth;
    private long rentedBefore;      // bytes of the arena and blocks of the device when the last op ended
    private long allocationsBefore;

    /// <summary>Official name of the module that runs, or empty.</summary>
    public string Module { get; private set; } = "";

    /// <summary>True when an observer reads shapes.</summary>
    public bool NeedsShape { get; private set; }

    /// <summary>True when somebody watches.</summary>
    public bool IsOn => attached.Length > 0 || DeviceTelemetry.IsListening;

    /// <summary>The trace of launches, if it is attached: only it looks below ops.</summary>
    public OpTrace? Trace { get; private set; }

    public void Attach(IDeviceObserver observer)
    {
        if (attached.Contains(observer)) throw new InvalidOperationException("the observer watches this device already");
        Become([.. attached, observer]);
    }

    public void Detach(IDeviceObserver observer) => Become([.. attached.Where(o => o != observer)]);

    public OpTiming BeginOp(string op, string shape, double flops, double bytes)
    {
        var timing = new OpObservation(this, Watchers(), new OpInvocation(op, shape, Module, flops, bytes, depth));
        depth++;
        timing.Begin();
        return new OpTiming(timing);
    }

    public ModuleScope BeginModule(string path)
    {
        var scope = new ModuleScope(this, Watchers(), Module);
        Module = path;
        var now = Stopwatch.GetTimestamp();
        foreach (var observer in scope.Observers) observer.BeginModule(path, now);
        return scope;
    }

    public void EndModule(in ModuleScope scope)
    {
        Module = scope.Outer;
        var now = Stopwatch.GetTimestamp();
        foreach (var observer in scope.Observers) observer.EndModule(now);
    }

    private IDeviceObserver[] Watchers() => DeviceTelemetry.IsListening ? [.. attached, telemetry] : attached;

    private void Become(IDeviceObserver[] observers)
    {
        attached = observers;
        NeedsShape = observers.Any(o => o.NeedsShape);
        Trace = observers.OfType<OpTrace>().FirstOrDefault();
        Settle();
    }

    /// <summary>What was rented and allocated before somebody came is not the next op's.</summary>
    private void Settle() => (rentedBefore, allocationsBefore) = (device.Arena.RentedBytes, device.Counters.Allocations);

    /// <summary>One op while somebody watches: those who saw its beginning see its end, whoever comes or goes meanwhile.</summary>
    internal sealed class OpObservation(DeviceWatch watch, IDeviceObserver[] observers, OpInvocation call)
    {
        private long start;
        private long managed;

        public void Begin()
        {
            foreach (var observer in observers) observer.BeginOp(call);
            managed = GC.GetAllocatedBytesForCurrentThread();
            start = Stopwatch.GetTimestamp();
        }

        public void End()
        {
            try
            {
                if (observers.Any(o => o.NeedsDeviceTime)) watch.device.Synchronize();
            }
            finally
            {
                var end = Stopwatch.GetTimestamp();
                var heap = GC.GetAllocatedBytesForCurrentThread() - managed;
                var (rented, allocations) = (watch.device.Arena.RentedBytes, watch.device.Counters.Allocations);
                var cost = new OpCost(start, end, heap, rented - watch.rentedBefore, allocations - watch.allocationsBefore);
                // An inner op's share is also its outer op's, which alone is counted.
                if (--watch.depth == 0) (watch.rentedBefore, watch.allocationsBefore) = (rented, allocations);
                for (var i = observers.Length - 1; i >= 0; i--) observers[i].EndOp(call, cost);
            }
        }
    }
}

/// <summary>One op call; disposing it ends the op. Nothing at all where nobody watches.</summary>
internal readonly struct OpTiming(DeviceWatch.OpObservation observation) : IDisposable
{
    public void Dispose() => observation?.End();
}

/// <summary>A module that runs; disposing it ends it. Nothing at all where nobody watches. See <see cref="Device.Module"/>.</summary>
public readonly struct ModuleScope : IDisposable
{
    private readonly DeviceWatch? watch;

    internal ModuleScope(DeviceWatch watch, IDeviceObserver[] observers, string outer) =>
        (this.watch, Observers, Outer) = (watch, observers, outer);

    internal IDeviceObserver[] Observers { get; }

    internal string Outer { get; }

    /// <inheritdoc/>
    public void Dispose() => watch?.EndModule(this);
}
