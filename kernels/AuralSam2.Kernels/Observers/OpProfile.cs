namespace AuralSam2.Kernels;

/// <summary>What the lines of a profile stand for.</summary>
public enum OpGrouping
{
    /// <summary>One op with one shape.</summary>
    Shape,

    /// <summary>All shapes of an op.</summary>
    Op,

    /// <summary>All ops of a module.</summary>
    Module,
}

/// <summary>
/// Counts and times every op of a device. While it is attached the device finishes each op before the next begins, so times are the
/// device's, and on a GPU the whole is slower than without it.
/// </summary>
public sealed class OpProfile : IDeviceObserver
{
    private readonly Dictionary<(string Op, string Shape, string Module), OpRecord> records = [];

    /// <summary>A record for every op, shape and module so far, the most expensive first.</summary>
    public IReadOnlyList<OpRecord> Records => [.. records.Values.OrderByDescending(r => r.Seconds)];

    bool IDeviceObserver.NeedsShape => true;

    bool IDeviceObserver.NeedsDeviceTime => true;

    /// <summary>The records in groups, the most expensive first.</summary>
    /// <param name="grouping">What a group has in common.</param>
    /// <param name="depth">Names of a module's path that count; deeper ones join the module above. By <see cref="OpGrouping.Module"/> only.</param>
    public IReadOnlyList<OpGroup> By(OpGrouping grouping, int depth = int.MaxValue) =>
    [
        .. records.Values.GroupBy(r => grouping switch
            {
                OpGrouping.Module => ("", "", Outermost(r.Module, depth)),
                OpGrouping.Op => (r.Op, "", ""),
                _ => (r.Op, r.Shape, ""),
            })
            .Select(g => new OpGroup(g.Key.Item1, g.Key.Item2, g.Key.Item3, [.. g]))
            .OrderByDescending(g => g.Seconds).ThenBy(g => g.Title, StringComparer.Ordinal),
    ];

    void IDeviceObserver.BeginModule(string path, long timestamp)
    {
    }

    void IDeviceObserver.EndModule(long timestamp)
    {
    }

    void IDeviceObserver.BeginOp(in OpInvocation call)
    {
    }

    void IDeviceObserver.EndOp(in OpInvocation call, in OpCost cost)
    {
        if (call.Depth > 0) return;
        var key = (call.Op, call.Shape, call.Module);
        if (!records.TryGetValue(key, out var record)) records.Add(key, record = new OpRecord(call.Op, call.Shape, call.Module));
        record.Add(call, cost);
    }

    private static string Outermost(string path, int depth)
    {
        for (var i = 0; i < path.Length; i++)
            if (path[i] == '.' && --depth == 0) return path[..i];
        return path;
    }
}

/// <summary>Totals of one op with one shape in one module.</summary>
public sealed class OpRecord
{
    private readonly List<double> seconds = [];

    internal OpRecord(string op, string shape, string module) => (Op, Shape, Module) = (op, shape, module);

    /// <summary>Name of the op.</summary>
    public string Op { get; }

    /// <summary>Its extents; see <see cref="OpInvocation.Shape"/>.</summary>
    public string Shape { get; }

    /// <summary>Official name of the module that called it; empty outside of any.</summary>
    public string Module { get; }

    /// <summary>Wall time of every call, in seconds.</summary>
    public IReadOnlyList<double> CallSeconds => seconds;

    /// <summary>Wall time, in seconds.</summary>
    public double Seconds { get; private set; }

    /// <summary>Floating-point operations declared (a multiply-add counts two).</summary>
    public double Flops { get; private set; }

    /// <summary>Bytes that had to be read and written at least once.</summary>
    public double Bytes { get; private set; }

    /// <summary>See <see cref="OpCost.ManagedBytes"/>.</summary>
    public long ManagedBytes { get; private set; }

    /// <summary>See <see cref="OpCost.ArenaBytes"/>.</summary>
    public long ArenaBytes { get; private set; }

    /// <summary>See <see cref="OpCost.Allocations"/>.</summary>
    public long Allocations { get; private set; }

    internal void Add(in OpInvocation call, in OpCost cost)
    {
        seconds.Add(cost.Seconds);
        Seconds += cost.Seconds;
        Flops += call.Flops;
        Bytes += call.Bytes;
        ManagedBytes += cost.ManagedBytes;
        ArenaBytes += cost.ArenaBytes;
        Allocations += cost.Allocations;
    }
}

/// <summary>Totals of records that belong together.</summary>
public sealed class OpGroup
{
    private readonly IReadOnlyList<OpRecord> records;

    internal OpGroup(string op, string shape, string module, IReadOnlyList<OpRecord> records)
    {
        (Op, Shape, Module, this.records) = (op, shape, module, records);
        var times = records.SelectMany(r => r.CallSeconds).Order().ToArray();
        var middle = times.Length / 2;
        MedianSeconds = times.Length % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
        Calls = times.Length;
    }

    /// <summary>Name of the op; empty where ops are together.</summary>
    public string Op { get; }

    /// <summary>Its extents; empty where shapes are together.</summary>
    public string Shape { get; }

    /// <summary>Official name of the module; empty where modules are together, and for what runs outside of any.</summary>
    public string Module { get; }

    /// <summary>How often its ops ran.</summary>
    public int Calls { get; }

    /// <summary>The call in the middle, in seconds.</summary>
    public double MedianSeconds { get; }

    /// <summary>Wall time, in seconds.</summary>
    public double Seconds => records.Sum(r => r.Seconds);

    /// <summary>Floating-point operations declared.</summary>
    public double Flops => records.Sum(r => r.Flops);

    /// <summary>Bytes that had to be read and written at least once.</summary>
    public double Bytes => records.Sum(r => r.Bytes);

    /// <summary>10^9 operations per second.</summary>
    public double Gflops => Flops / Seconds / 1e9;

    /// <summary>10^9 bytes per second.</summary>
    public double GigabytesPerSecond => Bytes / Seconds / 1e9;

    /// <summary>Operations per byte.</summary>
    public double Intensity => Bytes > 0 ? Flops / Bytes : 0;

    /// <summary>See <see cref="OpCost.ManagedBytes"/>.</summary>
    public long ManagedBytes => records.Sum(r => r.ManagedBytes);

    /// <summary>See <see cref="OpCost.ArenaBytes"/>.</summary>
    public long ArenaBytes => records.Sum(r => r.ArenaBytes);

    /// <summary>See <see cref="OpCost.Allocations"/>.</summary>
    public long Allocations => records.Sum(r => r.Allocations);

    /// <summary>What the group has in common, in one line.</summary>
    public string Title => string.Join(' ', new[] { Op, Shape, Module }.Where(part => part.Length > 0));

    /// <summary>The least time that a device's limits allow, over the time taken: 1 is the roof. Op by op, so that groups can be compared.</summary>
    public double ShareOfRoofline(Roofline limits) => records.Sum(r => limits.LeastSeconds(r.Flops, r.Bytes)) / Seconds;
}
