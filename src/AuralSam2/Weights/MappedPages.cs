using System.Runtime.InteropServices;

namespace AuralSam2.Weights;

/// <summary>
/// Residency of memory-mapped files. A page that was read counts as memory of the process until the kernel wants it back, so a
/// model that copies its weights out of a mapping would seem to hold them twice.
/// </summary>
internal static partial class MappedPages
{
    /// <summary>MADV_DONTNEED of Linux: drops the pages; a later touch reads them from the page cache or the file again.</summary>
    private const int DontNeed = 4;

    /// <summary>Drops the pages that lie wholly inside a read-only mapped range. Advice only: nothing depends on its success.</summary>
    public static unsafe void Release(ReadOnlySpan<byte> mapped)
    {
        fixed (byte* start = mapped) Release(start, mapped.Length);
    }

    /// <summary>Drops the pages that lie wholly inside a read-only mapped range of any length.</summary>
    public static unsafe void Release(byte* start, long length)
    {
        if (!OperatingSystem.IsLinux()) return;
        var page = (nuint)Environment.SystemPageSize;
        var first = ((nuint)start + page - 1) / page * page;
        var end = ((nuint)start + (nuint)length) / page * page;
        if (end > first) _ = Advise(first, end - first, DontNeed);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint address, nuint length, int advice);
}
