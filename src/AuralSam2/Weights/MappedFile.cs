using System.IO.MemoryMappedFiles;

namespace AuralSam2.Weights;

/// <summary>
/// A file of weights in memory: opened once, looked at anywhere, nothing copied. It must not be shortened while it is open.
/// </summary>
internal sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private unsafe byte* start;

    private unsafe MappedFile(string path, FileStream stream)
    {
        Path = path;
        Length = stream.Length;
        map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Maps a file.</summary>
    /// <exception cref="WeightsException">No such file, no permission, a folder, or nothing in it.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("weights are read on little-endian machines only");
        if (Directory.Exists(path)) throw new WeightsException($"{path}: is a folder; give a file of weights");
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                if (stream.Length == 0) throw new WeightsException($"{path}: the file is empty; download or copy it again");
                return new MappedFile(path, stream);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
        catch (Exception e) when (Obstacle(e) is { } obstacle)
        {
            throw new WeightsException($"{path}: {obstacle}", e);
        }
    }

    /// <summary>A range of the file, straight from the mapping: valid until the file is disposed, perhaps unaligned.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the file.</exception>
    public unsafe ReadOnlySpan<byte> Bytes(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (offset < 0 || offset > Length - length) throw new ArgumentOutOfRangeException(nameof(offset));
        return new ReadOnlySpan<byte>(start + offset, length);
    }

    /// <summary>The bytes from <paramref name="offset"/> on, at most <paramref name="longest"/> of them.</summary>
    public ReadOnlySpan<byte> BytesFrom(long offset, int longest) => Bytes(offset, (int)Math.Min(longest, Length - offset));

    /// <summary>Drops every page that was touched: a look at a few bytes may have mapped two megabytes around them.</summary>
    public unsafe void ReleasePages()
    {
        if (start is not null) MappedPages.Release(start, Length);
    }

    /// <summary>Unmaps the file. Spans of <see cref="Bytes"/> end here.</summary>
    public unsafe void Dispose()
    {
        if (start is null) return;
        start = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    /// <summary>What a person should know and do about a file that the system would not open; <c>null</c> for other exceptions.</summary>
    private static string? Obstacle(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file; check the path",
        UnauthorizedAccessException => "no permission to read it; check the file's owner and mode",
        IOException or ArgumentException or NotSupportedException => $"cannot be opened ({e.Message}); check the path and the disk",
        _ => null,
    };
}
