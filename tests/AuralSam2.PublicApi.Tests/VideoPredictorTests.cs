using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.PublicApi.Tests;

/// <summary>Tracking as a user of the library writes it, without access to anything internal.</summary>
public sealed class VideoPredictorTests
{
    [Fact]
    public async Task A_camera_is_followed_and_stopped()
    {
        using var device = new CpuDevice(2);
        using var weights = new RuleWeights();
        using var model = Sam2Model.Load(device, "mini", weights);
        using var session = new VideoPredictor(model).Open(Camera(), framesPerSecond: 30);
        session.Prompt(new VideoPrompt(0) { Points = [new VideoPoint(20, 15)] });
        using var stop = new CancellationTokenSource();
        var seen = new List<double>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var frame in session.PropagateAsync(cancellation: stop.Token))
            {
                var mask = Assert.Single(frame.Objects).Mask;
                Assert.Equal(48 * 32, mask.Length);
                Assert.All(mask, m => Assert.True(m is 0 or 255));
                seen.Add(frame.Seconds);
                if (seen.Count == 3) stop.Cancel();
            }
        });
        Assert.Equal([0, 1 / 30.0, 2 / 30.0], seen);

        // It goes on where it was.
        await foreach (var frame in session.PropagateAsync(new PropagateOptions { MaxFrames = 1 })) Assert.Equal(3, frame.Index);
    }

    /// <summary>Never ends.</summary>
    private static async IAsyncEnumerable<RgbImage> Camera()
    {
        for (var i = 0; ; i++)
        {
            await Task.Yield();
            var pixels = new byte[48 * 32 * 3];
            new Random(i).NextBytes(pixels);
            yield return new RgbImage(48, 32, pixels);
        }
    }
}
