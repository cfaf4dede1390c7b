using System.Diagnostics;
using System.Globalization;

namespace AuralSam2.Media;

/// <summary>Writes pictures as a video that plays everywhere (H.264 where the <c>ffmpeg</c> on PATH has it), frame by frame.</summary>
public sealed class VideoWriter : IDisposable
{
    private readonly string path;
    private readonly Process process;
    private readonly Task<string> complaint;
    private bool isComplete;

    private VideoWriter(string path, Process process)
    {
        (this.path, this.process) = (path, process);
        complaint = Task.Run(() => Ffmpeg.LastComplaint(process.StandardError));
    }

    /// <summary>Begins a video.</summary>
    /// <param name="path">File; an existing one is replaced. Its ending tells the container, for example <c>.mp4</c>.</param>
    /// <param name="width">Pixels of one row; an odd one is made even by a black column.</param>
    /// <param name="height">Rows; likewise.</param>
    /// <param name="framesPerSecond">Rate, above 0.</param>
    /// <returns>Null where there is no ffmpeg.</returns>
    /// <exception cref="MediaException">ffmpeg cannot be started.</exception>
    public static VideoWriter? TryBegin(string path, int width, int height, double framesPerSecond)
    {
        FrameRate.Check(framesPerSecond);
        if (Ffmpeg.TryFind() is not { } ffmpeg) return null;
        string[] arguments =
        [
            "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", $"{width}x{height}",
            "-r", framesPerSecond.ToString("0.#########", CultureInfo.InvariantCulture), "-i", "pipe:0",
            "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "file:" + Path.GetFullPath(path),
        ];
        var start = new ProcessStartInfo(ffmpeg, arguments) { RedirectStandardInput = true, RedirectStandardError = true, UseShellExecute = false };
        return new VideoWriter(path, Ffmpeg.Start(start));
    }

    /// <summary>Adds a picture of the video's size.</summary>
    /// <exception cref="MediaException">ffmpeg has given up; the message says why.</exception>
    public void Add(RgbImage picture)
    {
        try
        {
            process.StandardInput.BaseStream.Write(picture.Pixels);
        }
        catch (IOException error)
        {
            throw new MediaException($"{path}: ffmpeg cannot write it ({complaint.Result})", error);
        }
    }

    /// <summary>Ends the video: from now on the file is whole.</summary>
    /// <exception cref="MediaException">ffmpeg could not write it; the message says why.</exception>
    public void Complete()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new MediaException($"{path}: ffmpeg cannot write it ({complaint.Result})");
        isComplete = true;
    }

    /// <summary>Ends ffmpeg, whether the video is complete or not.</summary>
    public void Dispose()
    {
        if (!isComplete) Ffmpeg.Kill(process);
        process.Dispose();
    }
}
