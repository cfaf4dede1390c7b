using System.Diagnostics;
using System.Diagnostics.Metrics;
using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>What OpenTelemetry and dotnet-counters hear: through their own listeners, with nothing attached to the device.</summary>
[Collection(nameof(WatchedAlone))]
public sealed class DeviceTelemetryTests
{
    [Fact]
    public void SpansNestAndCarryTheShape()
    {
        using var device = new CpuDevice(1);
        var ended = new List<Activity>();
        using (var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == DeviceTelemetry.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Add,
        })
        {
            ActivitySource.AddActivityListener(listener);
            Run(device);
        }

        Run(device); // nobody listens any more
        Assert.Equal(["Add", "net"], ended.Select(a => a.OperationName));
        Assert.Equal(ended[1].SpanId, ended[0].ParentSpanId);
        Assert.Equal("[2, 3]", ended[0].GetTagItem("aural.op.shape"));
        Assert.Equal("net", ended[0].GetTagItem("aural.module"));
        Assert.Equal(12.0, ended[0].GetTagItem("aural.op.flops"));
        Assert.Null(Activity.Current);
        Assert.False(DeviceTelemetry.IsListening);
    }

    [Fact]
    public void TotalsGoOutByOp()
    {
        using var device = new CpuDevice(1);
        var heard = new List<(string Instrument, string Op, double Value)>();
        using (var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == DeviceTelemetry.SourceName) listener.EnableMeasurementEvents(instrument);
            },
        })
        {
            listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => heard.Add((instrument.Name, $"{tags[0].Value}", value)));
            listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => heard.Add((instrument.Name, $"{tags[0].Value}", value)));
            listener.Start();
            Run(device);
            Run(device);
        }

        Assert.Equal(24, heard.Where(h => h is { Instrument: "aural.op.flops", Op: "Add" }).Sum(h => h.Value));
        Assert.Equal(2 * 4 * 18, heard.Where(h => h is { Instrument: "aural.op.bytes", Op: "Add" }).Sum(h => h.Value));
        Assert.Equal(2, heard.Count(h => h is { Instrument: "aural.op.duration", Op: "Add", Value: >= 0 }));
        Assert.Equal(2, heard.Where(h => h.Instrument == "aural.device.allocations").Sum(h => h.Value));
        Assert.False(DeviceTelemetry.IsListening);
    }

    private static void Run(CpuDevice device)
    {
        using var module = device.Module("net");
        using var buffer = device.Allocate(6);
        var x = buffer.View(2, 3);
        Elementwise.Add(device, x, x, x);
    }
}
