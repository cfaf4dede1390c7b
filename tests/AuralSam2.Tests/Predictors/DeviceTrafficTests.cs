using AuralSam2.Kernels;
using AuralSam2.Predictors;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>
/// What a frame asks of a device besides arithmetic, counted on the emulator, where kernels are launched as on a GPU: after the first frame
/// nothing is allocated, one picture goes in, one answer comes out, and the host waits once.
/// </summary>
public sealed class DeviceTrafficTests
{
    private const int Frames = 5;

    [Fact]
    public void A_frame_allocates_nothing_and_waits_once()
    {
        using var device = new EmulatorDevice();
        using var weights = new RuleWeights();
        using var model = AuralSam2Model.Load(device, "mini", weights);
        var readings = new List<DeviceCounters>();
        var options = new SegmentOptions { Window = 1 }; // a window is what comes out at a time
        foreach (var _ in new AudioVisualPredictor(model).Segment(new GeneratedFrames(Frames), GeneratedFrames.Sound(Frames), options))
            readings.Add(device.Counters);

        Assert.Equal(Frames, readings.Count);
        for (var i = 1; i < Frames; i++)
        {
            var frame = readings[i] - readings[i - 1];
            // What the first window leaves of scratch memory becomes one block when it closes, which is before the second is handed out.
            if (i > 1) Assert.Equal((0, 0), (frame.Allocations, frame.HeldBytes));
            Assert.Equal(1, frame.Synchronizations);
            Assert.Equal(1, frame.Downloads);
            Assert.True(frame.Launches > 100, $"{frame.Launches} launches");
        }
    }
}
