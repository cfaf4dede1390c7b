using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>Makes the names in a folder reach the disk: a file that was renamed has its new name after a power cut as well.</summary>
internal static partial class FolderFlush
{
    private const int ReadOnly = 0;
    private const int Unsupported = 22; // EINVAL: a file system that cannot, and that has no more to offer

    /// <summary>Returns when they have. Windows keeps a journal of names and has no such call.</summary>
    /// <exception cref="IOException">The disk reports an error.</exception>
    public static void Run(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var handle = Open(folder, ReadOnly);
        if (handle < 0) throw Failure(folder);
        try
        {
            if (Sync(handle) != 0 && Marshal.GetLastPInvokeError() != Unsupported) throw Failure(folder);
        }
        finally
        {
            _ = Close(handle);
        }
    }

    private static IOException Failure(string folder) => new($"{folder}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
