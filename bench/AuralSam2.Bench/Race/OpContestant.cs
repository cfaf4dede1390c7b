using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Bench.Ops;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Race;

/// <summary>An op at one shape.</summary>
internal sealed class OpContestant(Device device, OpCase subject) : IContestant
{
    private BoundCase? bound;

    public string Name => subject.Op;

    public string Shape => subject.Label;

    public bool HasBfloat16 => false;

    public double Flops => subject.Flops;

    public double? Bytes => subject.Bytes;

    public string PeerLoad(string type) => $"op {JsonSerializer.Serialize(BoundCase.Describe(subject))}";

    public float[] First()
    {
        bound = new BoundCase(device, subject);
        Run(1);
        return [.. bound.Results.SelectMany(result => device.Download(result))];
    }

    public double Run(int count)
    {
        var call = bound!.Calls[0];
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) call.Run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / count;
    }

    public void Dispose() => bound?.Dispose();
}
