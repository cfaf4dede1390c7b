using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Devices;

/// <summary>Those who watch a device: the trace's lines, and a profiler's ranges.</summary>
public sealed class OpTraceTests
{
    [Fact]
    public void EveryOpLaunchAndCopyIsALine()
    {
        using var device = new EmulatorDevice();
        using var weight = Gemm.Pack(device, new float[6 * 4], 6, []);
        Tensor x = device.AllocateTensor(3, 8), y = device.AllocateTensor(3, 6);
        var lines = new StringWriter { NewLine = "\n" };
        device.Trace = new OpTrace(lines);
        device.Upload(new float[24], x);
        Gemm.Forward(device, x.SliceColumns(0, 4), weight, y, new GemmFusion { Activation = Activation.Relu });
        device.Download(y);
        device.Synchronize();

        var text = lines.ToString().Split('\n');
        Assert.Equal("upload [3, 8]", text[0]);
        Assert.Equal("op Gemm: 0 MFLOP, 0 MB", text[1]);
        Assert.Matches("^  launch GemmMultiply: 1 x 1 threads, [0-9]+ shared bytes, X \\[3, 4\\] stride 8, Weight \\[8\\], ", text[2]);
        Assert.Contains(", Residual (none), Y [3, 6], Activation Relu, ", text[2], StringComparison.Ordinal);
        Assert.Equal(["download [3, 6]", "synchronize", ""], text[3..]);
    }

    [Fact]
    public void RangesOpenAndCloseWithOpsAlsoWhenTheyFail()
    {
        using var device = new CpuDevice(1);
        var ranges = new RecordedRanges();
        device.Ranges = ranges;
        Tensor x = device.AllocateTensor(3), y = device.AllocateTensor(3);
        Elementwise.Add(device, x, x, y);
        Action failing = () =>
        {
            using var outer = device.Time("outer", 0, 0);
            using var inner = device.Time("inner", 0, 0);
            throw new ArithmeticException();
        };
        Assert.Throws<ArithmeticException>(failing);
        Assert.Equal(["Add", "pop", "outer", "inner", "pop", "pop"], ranges.Calls);
    }

    [Fact]
    public void WhereNobodyWatchesAnOpMakesNoObjects()
    {
        using var device = new CpuDevice(1) { Trace = null, Ranges = null };
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            using var timing = device.Time("op", 1, 1);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private sealed class RecordedRanges : IOpRanges
    {
        public List<string> Calls { get; } = [];

        public void Push(string op) => Calls.Add(op);

        public void Pop() => Calls.Add("pop");
    }
}
