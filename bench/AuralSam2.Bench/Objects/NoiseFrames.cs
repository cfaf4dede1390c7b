using AuralSam2.Media;

namespace AuralSam2.Bench.Objects;

/// <summary>Noise, another in every frame: the arithmetic does not care.</summary>
internal sealed class NoiseFrames(int count) : IFrameSource
{
    public string Description => "noise";

    public int Count => count;

    public int Width => 640;

    public int Height => 360;

    public double FramesPerSecond => 1;

    public RgbImage Read(int index)
    {
        var pixels = new byte[Width * Height * 3];
        new Random(index).NextBytes(pixels);
        return new RgbImage(Width, Height, pixels);
    }

    public void Dispose()
    {
    }
}
