using System.Diagnostics;

namespace AuralSam2.Kernels;

/// <summary>What the ops of a run did: one line per op name, ordered by time. Set it on <see cref="Device.Profile"/>.</summary>
public sealed class OpProfile
{
    private readonly Dictionary<string, OpRecord> records = [];

    /// <summary>All records so far, the most expensive op first.</summary>
    public IReadOnlyList<OpRecord> Records => [.. records.Values.OrderByDescending(r => r.Seconds)];

    internal void Add(string op, double seconds, double flops, double bytes)
    {
        records.TryGetValue(op, out var record);
        records[op] = new OpRecord(op, record.Calls + 1, record.Seconds + seconds, record.Flops + flops, record.Bytes + bytes);
    }
}

/// <summary>Totals of one op.</summary>
/// <param name="Op">Name of the op.</param>
/// <param name="Calls">How often it ran.</param>
/// <param name="Seconds">Wall time, in seconds.</param>
/// <param name="Flops">Floating-point operations declared (a multiply-add counts two).</param>
/// <param name="Bytes">Bytes that had to be read and written at least once.</param>
public readonly record struct OpRecord(string Op, int Calls, double Seconds, double Flops, double Bytes);

/// <summary>One op call, for those who watch: the clock, the trace and the profiler's ranges.</summary>
internal readonly struct OpTiming : IDisposable
{
    private readonly Device? device;
    private readonly OpProfile? profile;
    private readonly OpTrace? trace;
    private readonly IOpRanges? ranges;
    private readonly string op;
    private readonly double flops;
    private readonly double bytes;
    private readonly long start;

    internal OpTiming(Device device, string op, double flops, double bytes)
    {
        (this.device, profile, trace, ranges) = (device, device.Profile, device.Trace, device.Ranges);
        (this.op, this.flops, this.bytes) = (op, flops, bytes);
        trace?.BeginOp(op, flops, bytes);
        ranges?.Push(op);
        start = Stopwatch.GetTimestamp();
    }

    public void Dispose()
    {
        if (device is null) return;
        try
        {
            if (profile is null) return;
            device.Synchronize();
            profile.Add(op, Stopwatch.GetElapsedTime(start).TotalSeconds, flops, bytes);
        }
        finally
        {
            ranges?.Pop();
            trace?.EndOp();
        }
    }
}
