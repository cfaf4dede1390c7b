using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AuralSam2.Kernels;

/// <summary>
/// What OpenTelemetry and <c>dotnet-counters monitor --counters AuralSam2.Kernels</c> see: a span per module and op from an
/// <see cref="ActivitySource"/>, and totals per op from a <see cref="Meter"/>, both named <see cref="SourceName"/>.
/// </summary>
/// <remarks>
/// Listening is all it takes: nothing is attached, and while nobody listens nothing is made. Telemetry does not wait for a GPU: unless a
/// profile does, durations there are the host's.
/// </remarks>
public sealed class DeviceTelemetry : IDeviceObserver
{
    /// <summary>Name of the source and of the meter.</summary>
    public const string SourceName = "AuralSam2.Kernels";

    private static readonly ActivitySource Source = new(SourceName);
    private static readonly Meter Meter = new(SourceName);

    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram<double>("aural.op.duration", "s", "Wall time of an op");

    private static readonly Counter<double> Flops =
        Meter.CreateCounter<double>("aural.op.flops", "{operation}", "Floating-point operations declared by ops");

    private static readonly Counter<double> Bytes =
        Meter.CreateCounter<double>("aural.op.bytes", "By", "Bytes that ops must read and write at least once");

    private static readonly Counter<long> Allocations =
        Meter.CreateCounter<long>("aural.device.allocations", "{block}", "Blocks of device memory allocated for ops");

    private readonly Stack<Activity?> open = [];

    internal DeviceTelemetry()
    {
    }

    /// <summary>True while somebody listens to the spans or to the totals.</summary>
    public static bool IsListening =>
        Source.HasListeners() || Duration.Enabled || Flops.Enabled || Bytes.Enabled || Allocations.Enabled;

    /// <summary>True while somebody listens to the spans, which carry shapes.</summary>
    internal static bool SpansAreRead => Source.HasListeners();

    bool IDeviceObserver.NeedsShape => SpansAreRead;

    bool IDeviceObserver.NeedsDeviceTime => false;

    void IDeviceObserver.BeginModule(string path, long timestamp) => open.Push(Source.StartActivity(path));

    void IDeviceObserver.EndModule(long timestamp) => open.Pop()?.Dispose();

    void IDeviceObserver.BeginOp(in OpInvocation call)
    {
        var span = Source.StartActivity(call.Op);
        open.Push(span);
        if (span is not { IsAllDataRequested: true }) return;
        span.SetTag("aural.op.shape", call.Shape).SetTag("aural.op.flops", call.Flops).SetTag("aural.op.bytes", call.Bytes)
            .SetTag("aural.module", call.Module);
    }

    void IDeviceObserver.EndOp(in OpInvocation call, in OpCost cost)
    {
        open.Pop()?.Dispose();
        if (call.Depth > 0) return;
        var op = new KeyValuePair<string, object?>("op", call.Op);
        Duration.Record(cost.Seconds, op);
        Flops.Add(call.Flops, op);
        Bytes.Add(call.Bytes, op);
        if (cost.Allocations > 0) Allocations.Add(cost.Allocations, op);
    }
}
