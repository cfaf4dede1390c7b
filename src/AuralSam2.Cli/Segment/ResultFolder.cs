namespace AuralSam2.Cli;

/// <summary>
/// The folder of a result, which appears complete or not at all: everything is written into a hidden sibling that takes the
/// folder's place at the end, so a failed or interrupted run leaves an earlier result as it was.
/// </summary>
internal sealed class ResultFolder : IDisposable
{
    /// <summary>Last file to be written: a folder that holds it is a complete result.</summary>
    public const string ResultFile = "result.json";

    /// <summary>Picture for people.</summary>
    public const string OverviewFile = "overview.png";

    /// <summary>Objects over time, for people.</summary>
    public const string TimelineFile = "timeline.png";

    /// <summary>The clip with its masks.</summary>
    public const string OverlayFile = "overlay.mp4";

    private const int RemovalAttempts = 10;

    private static readonly string[] Entries = [ResultFile, OverviewFile, TimelineFile, OverlayFile, "masks", "overlays"];

    /// <summary>What is incomplete in this process; guarded by itself, also while something of it is removed.</summary>
    private static readonly HashSet<ResultFolder> Incomplete = [];

    private readonly string path;
    private readonly string partial;
    private readonly string shown;
    private readonly string? createdParent;

    private ResultFolder(string shown, string path, string parent)
    {
        this.shown = shown;
        this.path = path;
        partial = Path.Combine(parent, $".{Path.GetFileName(path)}.partial-{Guid.NewGuid():N}");
        createdParent = Directory.Exists(parent) ? null : parent;
        lock (Incomplete) Incomplete.Add(this);
    }

    /// <summary>Checks that a result may and can be written, before any work is done for it.</summary>
    /// <param name="folder">As the person named it.</param>
    /// <param name="replace">Whether an earlier result may be replaced. Anything else is never touched.</param>
    /// <exception cref="IOException">The folder is in use, or cannot be written.</exception>
    public static ResultFolder Prepare(string folder, bool replace)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        RefuseToOverwrite(folder, path, replace);
        var parent = Path.GetDirectoryName(path) ?? throw new IOException($"{folder} cannot hold a result; name another folder with --out");
        var result = new ResultFolder(folder, path, parent);
        try
        {
            if (Directory.Exists(path)) ProveReplaceable(path);
            Directory.CreateDirectory(result.PathOf("masks"));
            Directory.CreateDirectory(result.PathOf("overlays"));
            return result;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            result.Dispose();
            throw new IOException($"cannot write to {folder}: {Reason(error)}; name another folder with --out", error);
        }
    }

    /// <summary>Fails early when the disk has no room for the result.</summary>
    public void EnsureRoom(long bytes)
    {
        var free = new DriveInfo(partial).AvailableFreeSpace;
        if (free < bytes)
        {
            var (left, most) = (free >> 20, bytes >> 20);
            throw new IOException(
                $"the disk of {shown} has {left} MB left and the result may take {most} MB; free some, or name another folder with --out");
        }
    }

    /// <summary>Where a file of the result is written until the result is complete.</summary>
    /// <param name="name">Path inside the result, with forward slashes.</param>
    public string PathOf(string name) => Path.Combine(partial, name);

    /// <summary>Leaves an empty folder out of the result.</summary>
    public void Leave(string name) => Directory.Delete(PathOf(name));

    /// <summary>
    /// An existing folder can be read-only although its parent is not, and one that is mounted cannot be moved aside: better to know
    /// before the work than after it.
    /// </summary>
    private static void ProveReplaceable(string path)
    {
        var probe = $"{path}.probe-{Guid.NewGuid():N}";
        File.Create(Path.Combine(path, Path.GetFileName(probe)), 1, FileOptions.DeleteOnClose).Dispose();
        Directory.Move(path, probe);
        Directory.Move(probe, path);
    }

    /// <summary>Puts the complete result in its place.</summary>
    public void Complete()
    {
        lock (Incomplete)
        {
            // From here on the partial folder is a result that a second interrupt must not remove.
            if (!Incomplete.Remove(this)) throw new OperationCanceledException("a second interrupt removed the result");
        }

        try
        {
            TakePlace();
        }
        catch
        {
            lock (Incomplete) Incomplete.Add(this);
            throw;
        }
    }

    private void TakePlace()
    {
        if (!Directory.Exists(path))
        {
            Directory.Move(partial, path);
        }
        else
        {
            var earlier = $"{partial}-earlier";
            Directory.Move(path, earlier);
            try
            {
                Directory.Move(partial, path);
            }
            catch
            {
                Directory.Move(earlier, path);
                throw;
            }

            Directory.Delete(earlier, recursive: true);
        }
    }

    /// <summary>
    /// Removes what an incomplete result left. The work's own end and a second interrupt may both come here: the later one waits until
    /// nothing is left, because the process ends behind it.
    /// </summary>
    public void Dispose()
    {
        lock (Incomplete)
        {
            if (!Incomplete.Remove(this)) return;
            // The work goes on while an interrupt removes its folder, and may put another file into it.
            for (var attempt = 1; !TryRemove() && attempt < RemovalAttempts; attempt++) Thread.Sleep(attempt);
        }
    }

    /// <summary>Removes every incomplete result of this process: after a second interrupt, when no finally block runs.</summary>
    public static void RemoveIncomplete()
    {
        lock (Incomplete)
        {
            foreach (var result in Incomplete.ToArray()) result.Dispose();
        }
    }

    /// <returns>Whether it is worth no other attempt. What stays is hidden and named partial: nobody takes it for a result.</returns>
    private bool TryRemove()
    {
        try
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
            if (createdParent is not null && Directory.Exists(createdParent)) Directory.Delete(createdParent);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return error is UnauthorizedAccessException;
        }
    }

    private static void RefuseToOverwrite(string folder, string path, bool replace)
    {
        if (File.Exists(path)) throw new IOException($"{folder} is a file; name a folder with --out");
        if (!Directory.Exists(path)) return;
        var names = Directory.EnumerateFileSystemEntries(path).Select(entry => Path.GetFileName(entry)!).ToList();
        if (names.Count == 0) return;
        var isResult = names.Contains(ResultFile) && names.All(Entries.Contains);
        if (!isResult) throw new IOException($"{folder} holds other files ({Some(names)}); name another folder with --out");
        if (!replace) throw new IOException($"{folder} holds an earlier result; replace it with --force, or name another folder with --out");
    }

    private static string Some(List<string> names)
    {
        var other = names.Where(n => !Entries.Contains(n)).DefaultIfEmpty(names[0]).Order(StringComparer.Ordinal).First();
        return names.Count == 1 ? other : $"{other} and {names.Count - 1} more";
    }

    private static string Reason(Exception error) => error is UnauthorizedAccessException ? "permission denied" : error.Message.TrimEnd('.');
}
