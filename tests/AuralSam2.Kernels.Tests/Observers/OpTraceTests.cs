using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>The trace of launches, line by line.</summary>
public sealed class OpTraceTests
{
    [Fact]
    public void EveryOpLaunchAndCopyIsALine()
    {
        using var device = new EmulatorDevice();
        using var weight = Gemm.Pack(device, new float[6 * 4], 6, []);
        Tensor x = device.AllocateTensor(3, 8), y = device.AllocateTensor(3, 6);
        var lines = new StringWriter { NewLine = "\n" };
        device.Attach(new OpTrace(lines));
        device.Upload(new float[24], x);
        Gemm.Forward(device, x.SliceColumns(0, 4), weight, y, new GemmFusion { Activation = Activation.Relu });
        device.Download(y);
        device.Synchronize();

        var text = lines.ToString().Split('\n');
        Assert.Equal("op Upload [3, 8]: 0 MFLOP, 0 MB", text[0]);
        Assert.Equal("op Gemm m 3 n 6 k 4: 0 MFLOP, 0 MB", text[1]);
        Assert.Matches("^  launch Gemm[A-Za-z]+: [0-9]+ x 1 threads, [0-9]+ shared bytes, ", text[2]);
        Assert.Contains(", Output.Y [", text[2], StringComparison.Ordinal);
        Assert.Equal(["op Download [3, 6]: 0 MFLOP, 0 MB", "synchronize", ""], text[3..]);
    }
}
