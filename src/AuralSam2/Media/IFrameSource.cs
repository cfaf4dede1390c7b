namespace AuralSam2.Media;

/// <summary>
/// The pictures of a clip. Frames all have one size. <see cref="Predictors.AudioVisualPredictor"/> reads them in ascending order, each at
/// most
/// once; <see cref="Predictors.VideoPredictor"/> in any order, again where it needs to, and on one other thread at a time.
/// </summary>
public interface IFrameSource : IDisposable
{
    /// <summary>Folder or file, as the person named it.</summary>
    string Description { get; }

    /// <summary>Number of frames.</summary>
    int Count { get; }

    /// <summary>Pixels of one row.</summary>
    int Width { get; }

    /// <summary>Rows.</summary>
    int Height { get; }

    /// <summary>Frames per second: frame i stands at i / FramesPerSecond seconds of the sound.</summary>
    double FramesPerSecond { get; }

    /// <summary>Reads one frame.</summary>
    /// <exception cref="MediaException">The frame is no image or has another size than the first.</exception>
    RgbImage Read(int index);
}
