using System.Threading.Channels;
using AuralSam2.Kernels;
using AuralSam2.Media;

namespace AuralSam2.Predictors;

/// <summary>The pictures of a video on their way to the encoder, read ahead on another thread.</summary>
internal abstract class FrameImages : IDisposable
{
    /// <summary>Frames of the whole video; null while nobody knows.</summary>
    public abstract int? Count { get; }

    /// <summary>Pixels of one row of a frame; 0 before the first frame of a stream.</summary>
    public abstract int Width { get; }

    /// <summary>Rows of a frame; 0 before the first frame of a stream.</summary>
    public abstract int Height { get; }

    /// <summary>Frames that have been seen so far: those of a stream that arrived, all of a clip.</summary>
    public abstract int Arrived { get; }

    /// <summary>Waits until a frame is there.</summary>
    /// <returns>False when the video ends before the frame.</returns>
    public abstract ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation);

    /// <summary>Begins to copy a frame to the device, and to read the one that will be wanted after it.</summary>
    /// <returns><c>[size, size, 3]</c>, normalised; valid until the call after the next.</returns>
    /// <exception cref="InvalidOperationException">A frame of a stream that is gone.</exception>
    public abstract Tensor Begin(int frame, int following);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Frames of a clip, in any order.</summary>
internal sealed class ClipImages(IFrameSource source, Device device, int size) : FrameImages
{
    private readonly FrameUpload upload = new(device, size);
    private readonly Lock reading = new();
    private (int Frame, Task<RgbImage>? Picture) ahead = (-1, null);

    public override int? Count => source.Count;

    public override int Width => source.Width;

    public override int Height => source.Height;

    public override int Arrived => source.Count;

    public override async ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation)
    {
        if (frame < 0 || frame >= source.Count) return false;
        if (ahead.Frame == frame) await ahead.Picture!.WaitAsync(cancellation).ConfigureAwait(false);
        return true;
    }

    public override Tensor Begin(int frame, int following)
    {
        var picture = ahead.Frame == frame ? ahead.Picture!.GetAwaiter().GetResult() : Read(frame);
        ReadAhead(following);
        return upload.Begin(picture);
    }

    public override void Dispose()
    {
        Settle();
        upload.Dispose();
    }

    private void ReadAhead(int frame)
    {
        if (frame < 0 || frame >= source.Count || ahead.Frame == frame) return;
        Settle();
        ahead = (frame, Task.Run(() => Read(frame)));
    }

    private RgbImage Read(int frame)
    {
        lock (reading) return source.Read(frame);
    }

    /// <summary>Nobody will ask for the picture that was read ahead: what came of it does not matter.</summary>
    private void Settle()
    {
        ((IAsyncResult?)ahead.Picture)?.AsyncWaitHandle.WaitOne();
        _ = ahead.Picture?.Exception;
    }
}

/// <summary>Frames that arrive one by one. The last of them are kept, so that they can be prompted after they were seen.</summary>
internal sealed class StreamImages : FrameImages
{
    /// <summary>Pictures that wait, decoded, for the device.</summary>
    private const int Ahead = 2;

    private readonly FrameUpload upload;
    private readonly Channel<RgbImage> arriving = Channel.CreateBounded<RgbImage>(Ahead);
    private readonly CancellationTokenSource ending = new();
    private readonly Queue<RgbImage> pictures = new();
    private readonly Task pump;
    private readonly int kept;
    private int arrived;
    private bool ended;

    /// <summary>Begins to take pictures from a stream.</summary>
    /// <param name="source">Pictures of one size.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="size">Edge of the network's input.</param>
    /// <param name="kept">Pictures that are kept after they arrived.</param>
    public StreamImages(IAsyncEnumerable<RgbImage> source, Device device, int size, int kept)
    {
        this.kept = kept;
        upload = new FrameUpload(device, size);
        pump = Task.Run(() => PumpAsync(source));
    }

    public override int? Count => ended ? arrived : null;

    public override int Width => pictures.TryPeek(out var picture) ? picture.Width : 0;

    public override int Height => pictures.TryPeek(out var picture) ? picture.Height : 0;

    public override int Arrived => arrived;

    public override async ValueTask<bool> ArriveAsync(int frame, CancellationToken cancellation)
    {
        while (arrived <= frame)
        {
            if (!await arriving.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false))
            {
                ended = true;
                return false;
            }

            while (arrived <= frame && arriving.Reader.TryRead(out var picture)) Take(picture);
        }

        return true;
    }

    public override Tensor Begin(int frame, int following)
    {
        var oldest = arrived - pictures.Count;
        if (frame >= oldest && frame < arrived) return upload.Begin(pictures.ElementAt(frame - oldest));
        throw new InvalidOperationException(
            frame >= arrived
                ? $"frame {frame} of the stream has not arrived yet"
                : $"frame {frame} of the stream is gone: of {arrived} that arrived the last {pictures.Count} are kept");
    }

    public override void Dispose()
    {
        ending.Cancel();
        ((IAsyncResult)pump).AsyncWaitHandle.WaitOne();
        ending.Dispose();
        upload.Dispose();
    }

    private void Take(RgbImage picture)
    {
        if (arrived > 0 && (picture.Width, picture.Height) != (Width, Height))
            throw new MediaException($"frame {arrived} of the stream has {picture.Width} x {picture.Height} pixels, the ones before {Width} x {Height}");
        pictures.Enqueue(picture);
        arrived++;
        if (pictures.Count > kept) pictures.Dequeue();
    }

    private async Task PumpAsync(IAsyncEnumerable<RgbImage> source)
    {
        try
        {
            await foreach (var picture in source.WithCancellation(ending.Token).ConfigureAwait(false))
                await arriving.Writer.WriteAsync(picture, ending.Token).ConfigureAwait(false);
            arriving.Writer.Complete();
        }
        catch (Exception error)
        {
            arriving.Writer.Complete(error); // thrown where the frame is awaited
        }
    }
}
