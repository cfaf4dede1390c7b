using System.Globalization;

namespace AuralSam2.Media;

/// <summary>The pictures of a video file, decoded by <c>ffmpeg</c> when it is opened.</summary>
/// <remarks>
/// Frame i stands for the stretch of sound from i / fps to (i + 1) / fps and is the picture shown in the middle of it: what
/// <c>ffmpeg -vf fps=</c> extracts and what the frames of prepared clips are. A clip of s seconds has round(s * fps) frames.
/// A stream that starts late repeats its first picture up to there, so that pictures and sound keep one clock.
/// </remarks>
public sealed class VideoFile : IFrameSource
{
    /// <summary>Bytes of frames that stay in memory; those beyond lie in a temporary file.</summary>
    public const long DefaultMemory = 1L << 30;

    private readonly List<byte[]> inMemory;
    private readonly FileStream? onDisk;

    private VideoFile(string path, double framesPerSecond, Frames frames, string? warning)
    {
        Description = path;
        FramesPerSecond = framesPerSecond;
        Warning = warning;
        (Width, Height, Count, inMemory, onDisk) = (frames.Width, frames.Height, frames.Count, frames.InMemory, frames.OnDisk);
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public int Width { get; }

    /// <inheritdoc/>
    public int Height { get; }

    /// <inheritdoc/>
    public double FramesPerSecond { get; }

    /// <summary>One line for the person where ffmpeg found damage that it could work around; null where all is well.</summary>
    public string? Warning { get; }

    /// <summary>Decodes a video.</summary>
    /// <param name="path">File with a video stream.</param>
    /// <param name="framesPerSecond">Pictures to take of each second, above 0.</param>
    /// <param name="cancellation">Ends ffmpeg.</param>
    /// <param name="memory">Bytes of frames that stay in memory.</param>
    /// <exception cref="MediaException">There is no ffmpeg, or the file is missing, damaged, without video, or too short for one frame.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static VideoFile Open(string path, double framesPerSecond, CancellationToken cancellation = default, long memory = DefaultMemory)
    {
        FrameRate.Check(framesPerSecond);
        var rate = framesPerSecond.ToString("0.#########", CultureInfo.InvariantCulture);

        // V is video without the cover pictures of audio files; PPM carries the size with every frame.
        string[] arguments = ["-map", "0:V:0", "-vf", $"fps=fps={rate}:start_time=0:round=near", "-c:v", "ppm", "-f", "image2pipe"];
        var frames = new Frames(path, memory);
        try
        {
            var (_, exitCode, complaint) = Ffmpeg.Run(path, arguments, frames.ReadFrom, cancellation);
            if (complaint.Contains("matches no streams", StringComparison.Ordinal))
                throw new MediaException($"{path}: has no video stream; pass its pictures as --frames FOLDER");
            if (exitCode != 0) throw new MediaException($"{path}: ffmpeg cannot read it ({complaint}); export it again or pass --frames and --audio");
            if (frames.Count == 0)
                throw new MediaException($"{path}: too short for a frame at {rate} frames per second; pass a higher rate as --fps");
            var warning = complaint.Length == 0 ? null : $"{path}: damaged ({complaint}); {frames.Count} frames were read";
            return new VideoFile(path, framesPerSecond, frames, warning);
        }
        catch
        {
            frames.OnDisk?.Dispose();
            throw;
        }
    }

    /// <summary>Reads the sound of a video at its own rate with all its channels.</summary>
    /// <param name="path">File with a sound stream.</param>
    /// <param name="cancellation">Ends ffmpeg.</param>
    /// <exception cref="MediaException">There is no ffmpeg, or the file is missing, damaged or without sound.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Waveform ReadSound(string path, CancellationToken cancellation = default) => SoundReader.ReadThroughFfmpeg(path, cancellation);

    /// <inheritdoc/>
    public RgbImage Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        if (index < inMemory.Count) return new RgbImage(Width, Height, inMemory[index]);
        var pixels = new byte[Width * Height * 3];
        onDisk!.Position = (index - inMemory.Count) * (long)pixels.Length;
        onDisk.ReadExactly(pixels);
        return new RgbImage(Width, Height, pixels);
    }

    /// <inheritdoc/>
    public void Dispose() => onDisk?.Dispose();

    /// <summary>Frames as they come out of the pipe.</summary>
    private sealed class Frames(string path, long memory)
    {
        public int Width { get; private set; }

        public int Height { get; private set; }

        public int Count { get; private set; }

        public List<byte[]> InMemory { get; } = [];

        public FileStream? OnDisk { get; private set; }

        public int ReadFrom(Stream pipe)
        {
            var ppm = new PpmStream(pipe);
            while (ppm.TryRead() is { } frame)
            {
                if (Count == 0) (Width, Height) = (frame.Width, frame.Height);
                if ((frame.Width, frame.Height) != (Width, Height))
                    throw new MediaException(
                        $"{path}: frame {Count} has {frame.Width} x {frame.Height} pixels, the first {Width} x {Height}; export it again");
                if ((InMemory.Count + 1L) * frame.Pixels.Length <= memory) InMemory.Add(frame.Pixels);
                else Spill(frame.Pixels);
                Count++;
            }

            return Count;
        }

        private void Spill(byte[] pixels)
        {
            try
            {
                OnDisk ??= new FileStream(
                    Path.Combine(Path.GetTempPath(), $"aural-frames-{Guid.NewGuid():N}.rgb"),
                    FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
                OnDisk.Write(pixels);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                var fix = $"free space in {Path.GetTempPath()} or pass a lower --fps";
                throw new MediaException($"{path}: no room for its frames ({MediaFile.OneLine(e)}); {fix}", e);
            }
        }
    }
}
