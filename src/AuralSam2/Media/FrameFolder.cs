namespace AuralSam2.Media;

/// <summary>
/// Pictures of a folder as the frames of a clip: PNG, JPEG and BMP files in the order of the number at the end of their names
/// (<c>9.png</c> before <c>10.png</c>, <c>clip_7.jpg</c>, <c>00030.jpg</c>). Names with equal numbers follow in ordinal order, names
/// without a number come last.
/// </summary>
/// <remarks>All frames are checked at once, without decoding them: a bad frame is reported before minutes of work, not after.</remarks>
public sealed class FrameFolder : IFrameSource
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp"];

    private readonly string[] files;

    /// <summary>Lists a folder and checks that every frame is a whole picture of one size.</summary>
    /// <param name="path">Folder.</param>
    /// <param name="framesPerSecond">Rate at which the pictures were taken, above 0.</param>
    /// <exception cref="MediaException">The folder is missing or holds no pictures, or a frame is no picture or differs in size from the
    /// first.</exception>
    public FrameFolder(string path, double framesPerSecond)
    {
        FrameRate.Check(framesPerSecond);
        Description = path;
        FramesPerSecond = framesPerSecond;
        files = List(path);
        if (files.Length == 0) throw new MediaException($"{path}: holds no pictures; pass a folder of PNG, JPEG or BMP files");
        (Width, Height) = ImageReader.ReadSize(files[0]);
        foreach (var file in files.Skip(1)) CheckSize(file, ImageReader.ReadSize(file));
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int Count => files.Length;

    /// <inheritdoc/>
    public int Width { get; }

    /// <inheritdoc/>
    public int Height { get; }

    /// <inheritdoc/>
    public double FramesPerSecond { get; }

    /// <summary>Paths of the frames, in order.</summary>
    public IReadOnlyList<string> Files => files;

    /// <inheritdoc/>
    public RgbImage Read(int index)
    {
        var image = ImageReader.Read(files[index]);
        CheckSize(files[index], (image.Width, image.Height));
        return image;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>The pictures of a folder in the order of their numbers; none is opened.</summary>
    /// <exception cref="MediaException">There is no such folder, or it cannot be listed.</exception>
    internal static string[] List(string path)
    {
        if (File.Exists(path)) throw new MediaException($"{path}: is a file; pass the folder of frames, or a video as --video");
        if (!Directory.Exists(path)) throw new MediaException($"{path}: no such folder; check the path");
        try
        {
            // Names with a leading dot are the notes of file managers, whatever they end in.
            return [.. Directory.EnumerateFiles(path)
                .Where(f => !Path.GetFileName(f).StartsWith('.') && Extensions.Contains(Path.GetExtension(f).ToLowerInvariant()))
                .OrderBy(f => FrameNumber(f) is "" ? 1 : 0)
                .ThenBy(f => FrameNumber(f).Length)
                .ThenBy(FrameNumber, StringComparer.Ordinal)
                .ThenBy(f => Path.GetFileName(f), StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MediaException($"{path}: cannot be listed: {MediaFile.OneLine(e)}", e);
        }
    }

    /// <summary>The digits at the end of a name without leading zeros, so that length and then ordinal order compare numbers of any width.</summary>
    private static string FrameNumber(string file)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        var digits = name[name.AsSpan().TrimEnd("0123456789").Length..];
        var number = digits.TrimStart('0');
        return number.Length == 0 && digits.Length > 0 ? "0" : number;
    }

    private void CheckSize(string file, (int Width, int Height) size)
    {
        if (size == (Width, Height)) return;
        var first = Path.GetFileName(files[0]);
        throw new MediaException(
            $"{file}: {size.Width} x {size.Height} pixels, but the first frame ({first}) has {Width} x {Height}; make all frames one size");
    }
}
