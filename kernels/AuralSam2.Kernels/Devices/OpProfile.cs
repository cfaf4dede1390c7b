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

/// <summary>The clock of one op call.</summary>
internal readonly struct OpTiming : IDisposable
{
    private readonly Device? device;
    private readonly OpProfile profile;
    private readonly string op;
    private readonly double flops;
    private readonly double bytes;
    private readonly long start;

    internal OpTiming(Device device, OpProfile profile, string op, double flops, double bytes)
    {
        this.device = device;
        this.profile = profile;
        this.op = op;
        this.flops = flops;
        this.bytes = bytes;
        start = Stopwatch.GetTimestamp();
    }

    public void Dispose()
    {
        if (device is null) return;
        device.Synchronize();
        profile.Add(op, Stopwatch.GetElapsedTime(start).TotalSeconds, flops, bytes);
    }
}
