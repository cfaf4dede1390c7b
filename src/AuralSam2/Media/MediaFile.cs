namespace AuralSam2.Media;

/// <summary>What all readers and writers of media files share: one-line errors, recognising a file by its content, safe replacement.</summary>
internal static class MediaFile
{
    /// <summary>Reads a whole file.</summary>
    /// <exception cref="MediaException">There is no such file, or it cannot be read.</exception>
    public static byte[] ReadAll(string path)
    {
        RequireFile(path);
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{path}: cannot be read: {OneLine(e)}", e);
        }
    }

    /// <summary>Refuses a path that is no file.</summary>
    /// <exception cref="MediaException">There is no such file, or it is a folder.</exception>
    public static void RequireFile(string path)
    {
        if (Directory.Exists(path)) throw new MediaException($"{path}: is a folder; name a file in it");
        if (!File.Exists(path)) throw new MediaException($"{path}: no such file; check the path");
    }

    /// <summary>
    /// Writes a file under a temporary name in the same folder and renames it: whoever finds the file finds all of it, and a failed
    /// write leaves an older version as it was.
    /// </summary>
    /// <exception cref="MediaException">The folder does not exist, or the file cannot be written.</exception>
    public static void Replace(string path, Action<Stream> write)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16)) write(stream);
            File.Move(temporary, path, overwrite: true);
        }
        catch (DirectoryNotFoundException e)
        {
            throw new MediaException($"{path}: the folder {folder} does not exist; create it first", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var reason = OneLine(e).Replace($" : '{temporary}'", "", StringComparison.Ordinal);
            throw new MediaException($"{path}: cannot be written: {reason}; free some room, or write elsewhere", e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }

    /// <summary>Says what a file that should have been a WAV is, and what to do with it.</summary>
    public static string Kind(ReadOnlySpan<byte> start)
    {
        const string convert = "needs ffmpeg: pass it as --video or convert it to WAV";
        if (start.IsEmpty) return "is empty; export it again";
        if (StartsWith(start, 0, "ID3"u8) || (start.Length > 1 && start[0] == 0xFF && (start[1] & 0xE6) == 0xE2))
            return $"is MP3, no WAV, and {convert}";
        if (StartsWith(start, 0, "OggS"u8)) return $"is Ogg, no WAV, and {convert}";
        if (StartsWith(start, 0, "fLaC"u8)) return $"is FLAC, no WAV, and {convert}";
        if (StartsWith(start, 4, "ftyp"u8)) return $"is MP4, no WAV, and {convert}";
        if (StartsWith(start, 0, [0x1A, 0x45, 0xDF, 0xA3])) return $"is Matroska or WebM, no WAV, and {convert}";
        if (StartsWith(start, 0, "FORM"u8)) return $"is AIFF, no WAV, and {convert}";
        if (StartsWith(start, 0, "RF64"u8)) return $"is a WAV of more than 4 GB (RF64) and {convert}";
        return "is no WAV file (it does not begin with RIFF/WAVE); pass a WAV file";
    }

    /// <summary>The message of an exception without line breaks.</summary>
    public static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ");

    private static bool StartsWith(ReadOnlySpan<byte> start, int offset, ReadOnlySpan<byte> magic) =>
        start.Length >= offset + magic.Length && start.Slice(offset, magic.Length).SequenceEqual(magic);
}
