using System.Security.Cryptography;
using System.Text;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// Compiled kernels on disk, so that a program starts without compiling: a file per kernel in a folder per build, of which the newest
/// <see cref="Builds"/> are kept.
/// </summary>
/// <remarks>
/// The cache can only ever save time. What is damaged, cut off or of another build is not read; what cannot be written is not kept; files
/// appear whole or not at all, so that processes do not disturb each other.
/// </remarks>
internal sealed class KernelCache
{
    /// <summary>Environment variable that names the folder to use; <c>off</c> keeps nothing.</summary>
    public const string Variable = "AURAL_CACHE";

    /// <summary>Builds whose kernels are kept.</summary>
    public const int Builds = 4;

    private const int MaxBytes = 16 << 20; // of a file; kernels have some tens of kilobytes
    private const string Draft = ".tmp";

    private readonly string root;
    private bool pruned;

    /// <summary>Opens a cache. Nothing is created before something is written.</summary>
    /// <param name="root">The folder with a folder per build.</param>
    public KernelCache(string root)
    {
        this.root = root;
        Folder = Path.Combine(root, Digest(KernelKey.Generation));
    }

    /// <summary>The folder of this build.</summary>
    public string Folder { get; }

    /// <summary>
    /// The cache that <c>AURAL_CACHE</c> names, or the user's: <c>%LOCALAPPDATA%\auralsam2</c> on Windows, elsewhere
    /// <c>$XDG_CACHE_HOME/auralsam2</c> or <c>~/.cache/auralsam2</c>. Null when there is to be none.
    /// </summary>
    public static KernelCache? Open() =>
        Place(Environment.GetEnvironmentVariable) is { } place ? new KernelCache(Path.Combine(place, "kernels")) : null;

    /// <summary>The folder that the environment asks for.</summary>
    internal static string? Place(Func<string, string?> environment)
    {
        if (environment(Variable) is { Length: > 0 } chosen)
            return chosen.Equals("off", StringComparison.OrdinalIgnoreCase) ? null : Path.GetFullPath(chosen);
        // The convention says that a relative path is to be ignored.
        string? Absolute(string variable) => environment(variable) is { } path && Path.IsPathFullyQualified(path) ? path : null;
        var caches = OperatingSystem.IsWindows()
            ? Absolute("LOCALAPPDATA")
            : Absolute("XDG_CACHE_HOME") ?? (Absolute("HOME") is { } home ? Path.Combine(home, ".cache") : null);
        return caches is null ? null : Path.Combine(caches, "auralsam2");
    }

    /// <summary>The file of a kernel.</summary>
    public string PathOf(KernelKey key) => Path.Combine(Folder, $"{key.Method.Name}-{Digest(key.ToString())}.ptx");

    /// <summary>A kernel that was written before, whole; null when there is none.</summary>
    public CachedKernel? Read(KernelKey key)
    {
        try
        {
            var file = new FileInfo(PathOf(key));
            return file.Exists && file.Length <= MaxBytes ? CachedKernel.Parse(File.ReadAllBytes(file.FullName), key) : null;
        }
        catch (Exception error) when (IsOfTheDisk(error))
        {
            return null;
        }
    }

    /// <summary>Keeps a kernel, if that is possible.</summary>
    public void Write(KernelKey key, CachedKernel kernel)
    {
        var path = PathOf(key);
        var draft = $"{path}.{Guid.NewGuid():N}{Draft}";
        try
        {
            Directory.CreateDirectory(Folder);
            try
            {
                File.WriteAllBytes(draft, kernel.Format(key));
                File.Move(draft, path, overwrite: true);
            }
            finally
            {
                File.Delete(draft); // what an error left
            }

            if (!pruned) Prune();
            pruned = true;
        }
        catch (Exception error) when (IsOfTheDisk(error))
        {
            // Full, or not ours to write: the next process compiles again.
        }
    }

    /// <summary>
    /// Deletes builds that nobody has written for longest, and drafts that a process left which was killed. Only files of this cache are
    /// touched; a process that still reads them finds nothing and compiles.
    /// </summary>
    private void Prune()
    {
        var builds = new DirectoryInfo(root).GetDirectories().Where(d => d.Name.Length == Path.GetFileName(Folder).Length);
        foreach (var old in builds.OrderByDescending(d => d.LastWriteTimeUtc).Skip(Builds).Where(d => d.FullName != Folder))
        {
            Discard(old.EnumerateFiles().Where(f => f.Extension is ".ptx" or Draft));
            Discard([old]);
        }

        Discard(new DirectoryInfo(Folder).EnumerateFiles($"*{Draft}").Where(d => d.LastWriteTimeUtc < DateTime.UtcNow.AddHours(-1)));
    }

    /// <summary>Deletes what can be deleted; folders only when they are empty.</summary>
    private static void Discard(IEnumerable<FileSystemInfo> things)
    {
        foreach (var thing in things)
        {
            try
            {
                thing.Delete();
            }
            catch (Exception error) when (IsOfTheDisk(error))
            {
                // In use, or not ours to delete: it stays.
            }
        }
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

    private static bool IsOfTheDisk(Exception error) => error is IOException or UnauthorizedAccessException;
}
