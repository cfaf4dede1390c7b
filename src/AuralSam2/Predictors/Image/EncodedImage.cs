using AuralSam2.Kernels;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Predictors;

/// <summary>
/// A picture as the image encoder leaves it, on the device (17 MB at 1024 x 1024): what every prompt starts from. From
/// <see cref="ImagePredictor.Encode(Media.RgbImage, CancellationToken)"/>; several can be open. Dispose it to free its memory.
/// </summary>
public sealed class EncodedImage : IDisposable
{
    private readonly Turn turn;
    private bool isDisposed;

    internal EncodedImage(ImagePredictor predictor, Turn turn, Device device, int grid, int width, int height)
    {
        (Predictor, this.turn, Width, Height) = (predictor, turn, width, height);
        var (channels4, channels8) = MaskDecoder.HighResChannels;
        Features = device.AllocateTensor(grid * grid, FpnNeck.Channels);
        Stride4 = device.AllocateTensor(4 * grid, 4 * grid, channels4);
        Stride8 = device.AllocateTensor(2 * grid, 2 * grid, channels8);
    }

    /// <summary>Pixels of one row of the picture.</summary>
    public int Width { get; }

    /// <summary>Rows of the picture.</summary>
    public int Height { get; }

    /// <summary>Who encoded it.</summary>
    internal ImagePredictor Predictor { get; }

    /// <summary>Stride-16 map, marked as that of a frame without memory: <c>[grid * grid, 256]</c>.</summary>
    internal Tensor Features { get; }

    /// <summary>High-resolution map <c>[4 grid, 4 grid, 32]</c>.</summary>
    internal Tensor Stride4 { get; }

    /// <summary>High-resolution map <c>[2 grid, 2 grid, 64]</c>.</summary>
    internal Tensor Stride8 { get; }

    /// <summary>Frees its memory on the device.</summary>
    /// <exception cref="InvalidOperationException">The predictor is at work in another call.</exception>
    public void Dispose()
    {
        using var lease = turn.Take();
        Free();
    }

    /// <summary>Demands that it can be prompted by a predictor.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    /// <exception cref="ArgumentException">Another predictor encoded it.</exception>
    internal void EnsureOf(ImagePredictor predictor)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (!ReferenceEquals(Predictor, predictor))
            throw new ArgumentException("the picture was encoded by another predictor, maybe of another model: encode it with this one", "image");
    }

    /// <summary>For who has the turn.</summary>
    internal void Free()
    {
        if (isDisposed) return;
        isDisposed = true;
        foreach (var tensor in (Tensor[])[Features, Stride4, Stride8]) tensor.Buffer.Dispose();
    }
}
