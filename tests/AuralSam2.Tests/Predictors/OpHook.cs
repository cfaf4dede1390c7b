using AuralSam2.Kernels;

namespace AuralSam2.Tests.Predictors;

/// <summary>Counts ops and modules while it is attached, and does something before every op that no other op calls.</summary>
internal sealed class OpHook : IDeviceObserver, IDisposable
{
    private readonly Device device;
    private readonly Action<int> before;
    private readonly Dictionary<string, int> modules = [];

    public OpHook(Device device, Action<int>? before = null)
    {
        (this.device, this.before) = (device, before ?? (_ => { }));
        device.Attach(this);
    }

    /// <summary>Ops that have begun.</summary>
    public int Ops { get; private set; }

    public bool NeedsShape => false;

    public bool NeedsDeviceTime => false;

    /// <summary>How often a module has begun.</summary>
    public int Modules(string path) => modules.GetValueOrDefault(path);

    public void BeginModule(string path, long timestamp) => modules[path] = Modules(path) + 1;

    public void EndModule(long timestamp)
    {
    }

    public void BeginOp(in OpInvocation call)
    {
        if (call.Depth == 0) before(++Ops);
    }

    public void EndOp(in OpInvocation call, in OpCost cost)
    {
    }

    public void Dispose() => device.Detach(this);
}
