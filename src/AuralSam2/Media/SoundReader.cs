namespace AuralSam2.Media;

/// <summary>Reads sound from any file: WAV directly, everything else through ffmpeg. The content decides, not the name.</summary>
public static class SoundReader
{
    private const int RecognisableBytes = 12;

    /// <summary>Reads the sound of a file at its own rate with all its channels.</summary>
    /// <param name="path">Audio or video file.</param>
    /// <param name="cancellation">Ends ffmpeg.</param>
    /// <exception cref="MediaException">The file is missing, has no sound or is damaged, or ffmpeg is needed and not there.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Waveform Read(string path, CancellationToken cancellation = default) =>
        WaveReader.Recognises(Start(path)) ? WaveReader.Read(path) : ReadThroughFfmpeg(path, cancellation);

    /// <summary>Has ffmpeg decode the first sound stream to 16-bit WAV, the form in which the training data came.</summary>
    internal static Waveform ReadThroughFfmpeg(string path, CancellationToken cancellation)
    {
        // aresample puts silence where the stream starts late or has gaps: sample i stays at i / rate seconds of the pictures.
        string[] arguments = ["-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-c:a", "pcm_s16le", "-f", "wav"];
        var (wave, exitCode, complaint) = Ffmpeg.Run(path, arguments, pipe => ReadToEnd(pipe, path), cancellation);
        if (complaint.Contains("matches no streams", StringComparison.Ordinal)) throw new MediaException($"{path}: has no sound: pass --audio FILE");
        if (exitCode != 0) throw new MediaException($"{path}: ffmpeg cannot read its sound ({complaint}); pass another file as --audio");
        return WaveReader.Read(wave, path);
    }

    private static byte[] ReadToEnd(Stream pipe, string path)
    {
        const int most = 1 << 30;
        using var bytes = new MemoryStream();
        var block = new byte[1 << 16];
        for (int length; (length = pipe.Read(block)) > 0;)
        {
            if (bytes.Length + length > most) throw new MediaException($"{path}: more than {most >> 20} MiB of sound; cut it into shorter pieces");
            bytes.Write(block, 0, length);
        }

        return bytes.ToArray();
    }

    private static byte[] Start(string path)
    {
        MediaFile.RequireFile(path);
        try
        {
            using var stream = File.OpenRead(path);
            var start = new byte[RecognisableBytes];
            var length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            if (length == 0) throw new MediaException($"{path}: {MediaFile.Kind([])}");
            return start[..length];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{path}: cannot be read: {MediaFile.OneLine(e)}", e);
        }
    }
}
