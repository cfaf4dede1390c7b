using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Ops;

/// <summary>What one call of an op took.</summary>
/// <param name="Seconds">Median of the rounds.</param>
/// <param name="BestSeconds">Fastest round.</param>
/// <param name="HostSeconds">What the host needed to hand it to the device; where that is no less, the device waited for the host.</param>
/// <param name="Sets">Sets of operands that the calls went through in turn.</param>
/// <param name="Result">What the first call came to.</param>
internal readonly record struct OpTime(double Seconds, double BestSeconds, double HostSeconds, int Sets, ResultMark Result);

/// <summary>Times ops: warm-up, then rounds of many calls between two synchronisations.</summary>
/// <param name="device">Where they run.</param>
/// <param name="budget">Time for the rounds of an op, in seconds.</param>
internal sealed class OpTimer(Device device, double budget)
{
    private const int LeastRounds = 5;
    private const double RoundSeconds = 5e-3;

    /// <summary>
    /// Five times the last-level cache of an H200, in bytes. On a GPU, calls take sets of operands in turn until this much went by, so that none
    /// finds its operands in the cache.
    /// </summary>
    private const double Rotation = 256e6;

    private const int MostSets = 64;

    /// <summary>Times a case.</summary>
    /// <exception cref="NotSupportedException">The device has no kernel for it.</exception>
    public OpTime Measure(OpCase subject)
    {
        var sets = device is CpuDevice or EmulatorDevice ? 1 : (int)Math.Clamp(Math.Ceiling(Rotation / subject.Bytes), 1, MostSets);
        using var bound = new BoundCase(device, subject, sets);

        // Before others: an op that works in place goes on from its own result.
        bound.Calls[0].Run();
        var result = ResultMark.Of(device, bound.Results);
        return Measure(bound.Calls) with { Result = result };
    }

    private OpTime Measure(IReadOnlyList<OpCall> calls)
    {
        Round(calls, calls.Count);
        var (first, _) = Round(calls, calls.Count);
        var count = (int)Math.Clamp(RoundSeconds / Math.Max(first, 1e-9), 1, 10_000);
        count = (count + calls.Count - 1) / calls.Count * calls.Count;
        var (seconds, host) = (new List<double>(), new List<double>());
        for (var begin = Stopwatch.GetTimestamp(); seconds.Count < LeastRounds || Stopwatch.GetElapsedTime(begin).TotalSeconds < budget;)
        {
            var round = Round(calls, count);
            seconds.Add(round.Seconds);
            host.Add(round.Host);
        }

        return new OpTime(Median(seconds), seconds.Min(), Median(host), calls.Count, default);
    }

    /// <summary>Seconds of one call, to its end and to its hand-over, over a number of calls.</summary>
    private (double Seconds, double Host) Round(IReadOnlyList<OpCall> calls, int count)
    {
        device.Synchronize();
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) calls[i % calls.Count].Run();
        var host = Stopwatch.GetElapsedTime(start).TotalSeconds;
        device.Synchronize();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds / count, host / count);
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
