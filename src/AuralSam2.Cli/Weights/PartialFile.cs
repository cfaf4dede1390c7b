namespace AuralSam2.Cli;

/// <summary>
/// Removes the temporary file of <see cref="Weights.SafetensorsWriter"/> where no finally block runs: after a second interrupt.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    /// <summary>What is being written in this process; guarded by itself, also while something of it is removed.</summary>
    private static readonly HashSet<PartialFile> Watched = [];

    private readonly string folder;
    private readonly string pattern;
    private readonly HashSet<string> others;

    private PartialFile(string path)
    {
        folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        pattern = $".{Path.GetFileName(path)}.*.tmp";
        others = [.. Directory.GetFiles(folder, pattern)];
    }

    /// <summary>From now on, what appears beside a file under the name of its temporary one is this process's.</summary>
    public static PartialFile Watch(string path)
    {
        var file = new PartialFile(path);
        lock (Watched) Watched.Add(file);
        return file;
    }

    /// <summary>Removes every temporary file of this process.</summary>
    public static void RemoveAll()
    {
        lock (Watched)
        {
            foreach (var file in Watched.ToArray()) file.Remove();
        }
    }

    /// <summary>Removes the temporary file, if there is one, and looks no longer.</summary>
    public void Remove()
    {
        lock (Watched)
        {
            if (!Watched.Remove(this)) return;
            try
            {
                foreach (var path in Directory.GetFiles(folder, pattern).Where(path => !others.Contains(path))) File.Delete(path);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Hidden and named temporary: nobody takes it for weights.
            }
        }
    }

    /// <summary>
    /// The writer is done, and has put its file in its place or removed it. Waits for an interrupt that is removing it, because the process
    /// may end after this.
    /// </summary>
    public void Dispose()
    {
        lock (Watched) Watched.Remove(this);
    }
}
