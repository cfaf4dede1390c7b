using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>A clip that several threads read: the predictor ahead of its work, the pictures behind it.</summary>
internal sealed class ClipFrames(IFrameSource source) : IFrameSource
{
    private readonly Lock reading = new();

    public string Description => source.Description;

    public int Count => source.Count;

    public int Width => source.Width;

    public int Height => source.Height;

    public double FramesPerSecond => source.FramesPerSecond;

    public RgbImage Read(int index)
    {
        lock (reading) return source.Read(index);
    }

    public void Dispose() => source.Dispose();
}
