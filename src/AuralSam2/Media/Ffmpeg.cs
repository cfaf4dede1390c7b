using System.ComponentModel;
using System.Diagnostics;

namespace AuralSam2.Media;

/// <summary>Runs the <c>ffmpeg</c> found on PATH and reads what it writes to its standard output.</summary>
internal static class Ffmpeg
{
    /// <summary>Converts one file.</summary>
    /// <param name="path">Input; handed over as a local file, whatever its name looks like.</param>
    /// <param name="arguments">What follows the input; the output is a pipe.</param>
    /// <param name="read">Reads the output to its end.</param>
    /// <param name="cancellation">Ends ffmpeg.</param>
    /// <returns>The result of <paramref name="read"/>, how ffmpeg ended, and the last line it complained with ("" for none).</returns>
    /// <exception cref="MediaException">There is no such file or no ffmpeg.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static (T Result, int ExitCode, string Complaint) Run<T>(
        string path, IEnumerable<string> arguments, Func<Stream, T> read, CancellationToken cancellation)
    {
        MediaFile.RequireFile(path);
        cancellation.ThrowIfCancellationRequested();
        string[] all = ["-nostdin", "-v", "error", "-i", "file:" + Path.GetFullPath(path), .. arguments, "pipe:1"];
        using var process = Start(new ProcessStartInfo(Find(), all)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        });
        var errors = Task.Run(() => LastComplaint(process.StandardError), CancellationToken.None);
        using var ending = cancellation.Register(() => Kill(process));
        try
        {
            var result = read(process.StandardOutput.BaseStream);
            process.StandardOutput.BaseStream.CopyTo(Stream.Null); // a reader that stops early must not leave ffmpeg at a full pipe
            process.WaitForExit();
            cancellation.ThrowIfCancellationRequested();
            return (result, process.ExitCode, errors.Result);
        }
        catch
        {
            Kill(process);
            cancellation.ThrowIfCancellationRequested(); // a pipe that broke because of it is not the news
            throw;
        }
    }

    /// <summary>Path of ffmpeg; null when there is none.</summary>
    public static string? TryFind()
    {
        var name = OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg";
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
    }

    private static string Find() => TryFind()
        ?? throw new MediaException("ffmpeg was not found on PATH: install it (Debian: apt-get install ffmpeg) or pass --frames and --audio");

    /// <summary>Starts it.</summary>
    /// <exception cref="MediaException">It cannot be started.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new MediaException($"{start.FileName}: cannot be started ({MediaFile.OneLine(e)}); repair the installation of ffmpeg", e);
        }
    }

    /// <summary>Ends it, whatever it is doing.</summary>
    public static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself meanwhile.
        }
    }

    /// <summary>Reads what it complains about to the end; the last line, or "".</summary>
    public static string LastComplaint(StreamReader errors)
    {
        var last = "";
        while (errors.ReadLine() is { } line)
        {
            // The hint below a "matches no streams" line is about a command line that nobody typed.
            if (line.Trim() is { Length: > 0 } text && !text.StartsWith("To ignore this", StringComparison.Ordinal)) last = text;
        }

        return last;
    }
}
