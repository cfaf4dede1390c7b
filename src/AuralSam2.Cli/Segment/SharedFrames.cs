using AuralSam2.Media;

namespace AuralSam2.Cli;

/// <summary>
/// A clip whose frames the model reads and the pictures need again: each is kept from its reading until its mask is drawn,
/// because a source reads each frame at most once.
/// </summary>
internal sealed class SharedFrames(IFrameSource source) : IFrameSource
{
    private readonly Dictionary<int, RgbImage> kept = [];

    public string Description => source.Description;

    public int Count => source.Count;

    public int Width => source.Width;

    public int Height => source.Height;

    public double FramesPerSecond => source.FramesPerSecond;

    public RgbImage Read(int index)
    {
        var image = source.Read(index);
        kept[index] = image;
        return image;
    }

    /// <summary>Hands out a frame that was read, and forgets it.</summary>
    public RgbImage Take(int index) => kept.Remove(index, out var image) ? image : source.Read(index);

    public void Dispose() => source.Dispose();
}
