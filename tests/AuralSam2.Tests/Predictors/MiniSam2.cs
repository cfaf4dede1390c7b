using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Tests.Predictors;

/// <summary>The small SAM2.1, at 64 x 64 so that hundreds of frames take seconds.</summary>
internal sealed class MiniSam2 : IDisposable
{
    public MiniSam2(Device? device = null)
    {
        Device = device ?? new CpuDevice(2);
        using var weights = new RuleWeights();
        Model = Sam2Model.Load(Device, Sam2Config.Named("mini", Sam2Version.V21, 64), weights);
    }

    public Device Device { get; }

    public Sam2Model Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        Device.Dispose();
    }
}

/// <summary>Frames of a source one by one, as a camera gives them.</summary>
internal static class Streams
{
    public static async IAsyncEnumerable<RgbImage> Stream(this IFrameSource frames)
    {
        for (var i = 0; i < frames.Count; i++)
        {
            await Task.Yield();
            yield return frames.Read(i);
        }
    }
}
