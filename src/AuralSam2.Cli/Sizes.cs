namespace AuralSam2.Cli;

/// <summary>Large numbers as a person reads them.</summary>
internal static class Sizes
{
    /// <summary>12345678 becomes "12.3 M".</summary>
    public static string Count(long count) => count switch
    {
        < 10_000 => $"{count:N0}",
        < 1_000_000 => $"{count / 1e3:0.0} k",
        _ => $"{count / 1e6:0.0} M",
    };

    /// <summary>12345678 becomes "12.3 MB": powers of ten, as downloads are listed.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 10_000 => $"{bytes:N0} bytes",
        < 1_000_000 => $"{bytes / 1e3:0.0} kB",
        < 1_000_000_000 => $"{bytes / 1e6:0.0} MB",
        _ => $"{bytes / 1e9:0.00} GB",
    };

    /// <summary>12345678 becomes "12.3 MB" and nothing becomes nothing: a column of a table.</summary>
    public static string Brief(long bytes) => bytes switch
    {
        0 => "",
        < 1000 => $"{bytes} B",
        < 1_000_000 => $"{bytes / 1e3:0.0} kB",
        < 1_000_000_000 => $"{bytes / 1e6:0.0} MB",
        _ => $"{bytes / 1e9:0.00} GB",
    };
}
