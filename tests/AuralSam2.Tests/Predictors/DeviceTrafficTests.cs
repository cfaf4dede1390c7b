using AuralSam2.Kernels;
using AuralSam2.Predictors;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>
/// What a frame asks of a device besides arithmetic: after the first frame nothing is allocated, one picture goes in, one answer comes out,
/// and the host waits once.
/// </summary>
public sealed class DeviceTrafficTests
{
    /// <summary>On the emulator kernels are launched as on a GPU.</summary>
    [Fact]
    public void A_frame_waits_once_and_allocates_nothing()
    {
        using var device = new EmulatorDevice();
        foreach (var frame in Traffic(device, frames: 4))
        {
            Assert.Equal((0, 0), (frame.Allocations, frame.HeldBytes));
            Assert.Equal(1, frame.Synchronizations);
            Assert.Equal(1, frame.Downloads);
            Assert.True(frame.Launches > 100, $"{frame.Launches} launches");
        }
    }

    /// <summary>Up to the frame where all seven memories and all sixteen pointers are in use, and beyond.</summary>
    [Fact]
    public void No_memory_of_a_long_clip_allocates()
    {
        using var device = new CpuDevice(2);
        Assert.All(Traffic(device, frames: 20), frame => Assert.Equal((0, 0, 1), (frame.Allocations, frame.HeldBytes, frame.Downloads)));
    }

    /// <summary>What happened between one frame's answer and the next one's.</summary>
    private static List<DeviceCounters> Traffic(Device device, int frames)
    {
        using var weights = new RuleWeights();
        using var model = AuralSam2Model.Load(device, "mini", weights);
        var (traffic, last) = (new List<DeviceCounters>(), default(DeviceCounters?));
        var options = new SegmentOptions { Window = 1 }; // frames come out one window at a time
        foreach (var _ in new AudioVisualPredictor(model).Segment(new GeneratedFrames(frames), GeneratedFrames.Sound(frames), options))
        {
            if (last is { } before) traffic.Add(device.Counters - before);
            last = device.Counters;
        }

        Assert.Equal(frames - 1, traffic.Count);
        return traffic;
    }
}
