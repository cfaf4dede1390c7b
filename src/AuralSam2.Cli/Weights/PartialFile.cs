namespace AuralSam2.Cli;

/// <summary>
/// Removes the temporary file of <see cref="Weights.SafetensorsWriter"/> where no finally block runs: after a second interrupt.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private static readonly Lock Removing = new();
    private static PartialFile? current;

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
    public static PartialFile Watch(string path) => current = new PartialFile(path);

    /// <summary>Removes the temporary file of this process, if there is one.</summary>
    public static void Remove()
    {
        lock (Removing)
        {
            if (current is not { } file) return;
            current = null;
            try
            {
                foreach (var path in Directory.GetFiles(file.folder, file.pattern).Where(path => !file.others.Contains(path))) File.Delete(path);
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
        lock (Removing) current = null;
    }
}
