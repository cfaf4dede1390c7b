using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>The seam itself: what observers are told, and that it costs nothing where there are none.</summary>
[Collection(nameof(WatchedAlone))]
public sealed class DeviceWatchTests
{
    [Fact]
    public void WhereNobodyWatchesOpsAndModulesMakeNoObjects()
    {
        using var device = new CpuDevice(1);
        var shape = new Shape(4096, 256);
        Once(device, shape); // compiles
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) Once(device, shape);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        static void Once(Device device, Shape shape)
        {
            using var module = device.Module("image_encoder");
            using var timing = device.Time("op", 1, 1, $"m {shape.Rows} n {shape.Columns} {Unwanted(shape)}");
        }

        static string Unwanted(Shape shape) => throw new InvalidOperationException($"nobody asked for {shape}");
    }

    [Fact]
    public void AnObserverLeavesNoTraceBehind()
    {
        using var device = new CpuDevice(1);
        var recorder = new Recorder();
        device.Attach(recorder);
        Assert.Throws<InvalidOperationException>(() => device.Attach(recorder));
        device.Detach(recorder);
        using (device.Module("gone")) Add(device);
        Assert.Empty(recorder.Calls);
        Assert.False(device.NeedsShape);
    }

    [Fact]
    public void OpsAndModulesEndAlsoWhenTheyFail()
    {
        using var device = new CpuDevice(1);
        var recorder = new Recorder();
        device.Attach(recorder);
        Add(device);
        Action failing = () =>
        {
            using var module = device.Module("m");
            using var outer = device.Time("outer", 0, 0, $"");
            using var inner = device.Time("inner", 0, 0, $"{3}");
            throw new ArithmeticException();
        };
        Assert.Throws<ArithmeticException>(failing);
        Add(device);
        Assert.Equal(
            ["Add [3]@ 0", "end Add", "module m", "outer @m 0", "inner 3@m 1", "end inner", "end outer", "end module", "Add [3]@ 0", "end Add"],
            recorder.Calls);
    }

    [Fact]
    public void ModulesAreThoseOfTheInnermostScope()
    {
        using var device = new CpuDevice(1);
        var recorder = new Recorder();
        device.Attach(recorder);
        using (device.Module("a"))
        {
            using (device.Module("a.b")) Add(device);
            Add(device);
        }

        Assert.Equal(["Add [3]@a.b 0", "Add [3]@a 0"], recorder.Calls.Where(c => c.StartsWith("Add", StringComparison.Ordinal)));
    }

    [Fact]
    public void WhoComesInTheMiddleOfAnOpSeesTheNext()
    {
        using var device = new CpuDevice(1);
        var (early, late) = (new Recorder(), new Recorder());
        device.Attach(early);
        using (device.Time("first", 0, 0, $""))
        {
            device.Detach(early);
            device.Attach(late);
        }

        Assert.Equal(["first @ 0", "end first"], early.Calls);
        Assert.Empty(late.Calls);
    }

    [Fact]
    public void ADeviceIsFinishedOnlyForThoseWhoNeedItsTime()
    {
        using var device = new EmulatorDevice();
        device.Attach(new Recorder());
        var before = device.Counters.Synchronizations;
        Tensor x = device.AllocateTensor(3), y = device.AllocateTensor(3);
        Elementwise.Add(device, x, x, y);
        Assert.Equal(before, device.Counters.Synchronizations);
        device.Attach(new OpProfile());
        Elementwise.Add(device, x, x, y);
        Assert.Equal(before + 1, device.Counters.Synchronizations);
    }

    private static void Add(Device device)
    {
        using var buffer = device.Allocate(3);
        Elementwise.Add(device, buffer.View(3), buffer.View(3), buffer.View(3));
    }

    private sealed class Recorder : IDeviceObserver
    {
        public List<string> Calls { get; } = [];

        public bool NeedsShape => true;

        public bool NeedsDeviceTime => false;

        public void BeginModule(string path, long timestamp) => Calls.Add($"module {path}");

        public void EndModule(long timestamp) => Calls.Add("end module");

        public void BeginOp(in OpInvocation call) => Calls.Add($"{call.Op} {call.Shape}@{call.Module} {call.Depth}");

        public void EndOp(in OpInvocation call, in OpCost cost) => Calls.Add($"end {call.Op}");
    }
}
