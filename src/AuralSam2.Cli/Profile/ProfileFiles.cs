using System.Globalization;
using System.Text;
using System.Text.Json;
using AuralSam2.Kernels;

namespace AuralSam2.Cli;

/// <summary>The files that a profile was asked for; null where one was not.</summary>
internal sealed record ProfileFiles(string? Trace, string? Json, string? Csv, string? Roofline)
{
    /// <summary>Refuses what could not be written, before the verb runs for minutes.</summary>
    /// <exception cref="UsageException">Two files of one name.</exception>
    /// <exception cref="IOException">No folder, or a folder where the file should be.</exception>
    public void RequirePlaces()
    {
        string[] paths = [.. new[] { Trace, Json, Csv, Roofline }.OfType<string>().Select(Path.GetFullPath)];
        if (paths.Distinct().Count() < paths.Length) throw new UsageException("--trace, --json, --csv and --roofline want files of their own");
        foreach (var path in paths)
        {
            if (Directory.Exists(path)) throw new IOException($"{path}: is a folder; a profile wants a file");
            if (!Directory.Exists(Path.GetDirectoryName(path))) throw new DirectoryNotFoundException($"{path}: its folder does not exist; make it first");
        }
    }

    /// <summary>Writes them, each complete or not at all; earlier ones are replaced.</summary>
    public void Write(ProfileReport report, ChromeTrace trace)
    {
        WriteWhole(Trace, trace.Write);
        WriteWhole(Json, file =>
        {
            JsonSerializer.Serialize(file, ProfileDocument.Of(report), ResultJson.Of.ProfileDocument);
            file.Write("\n"u8);
        });
        WriteWhole(Csv, file => file.Write(Encoding.UTF8.GetBytes(CsvOf(ProfileDocument.Of(report)))));
        WriteWhole(Roofline, file => RooflinePicture.Write(file, report));
    }

    /// <summary>One line of names, then one per group (RFC 4180): shapes have commas, so they are quoted.</summary>
    private static string CsvOf(ProfileDocument document)
    {
        var text = new StringBuilder(
            "op,shape,module,calls,total_ms,median_ms,share,gflops,gb_per_s,flops_per_byte,roofline_percent," +
            "flops,bytes,managed_bytes,arena_bytes,device_allocations\r\n");
        foreach (var g in document.Groups)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{g.Op},\"{g.Shape}\",{g.Module},{g.Calls},{g.TotalMs},{g.MedianMs},{g.Share},{g.Gflops},{g.GbPerS},{g.FlopsPerByte},");
            text.Append(
                CultureInfo.InvariantCulture,
                $"{g.RooflinePercent},{g.Flops},{g.Bytes},{g.ManagedBytes},{g.ArenaBytes},{g.DeviceAllocations}\r\n");
        }

        return text.ToString();
    }

    /// <summary>Under a hidden name first, which the file takes the place of only when it is complete.</summary>
    private static void WriteWhole(string? path, Action<Stream> write)
    {
        if (path is null) return;
        var full = Path.GetFullPath(path);
        var partial = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Environment.ProcessId}.tmp");
        try
        {
            using (var file = File.Create(partial)) write(file);
            File.Move(partial, full, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }
}

/// <summary>What <c>aural profile --json FILE</c> writes: the table, every line of it.</summary>
internal sealed record ProfileDocument(
    string Tool, string Version, string Verb, string Device, ProfileDocument.LimitRates Limits, double WallS, double OpsS, string By,
    IReadOnlyList<ProfileDocument.Group> Groups)
{
    public static ProfileDocument Of(ProfileReport report) => new(
        "aural", AuralCommand.Version, report.Verb, report.Device,
        new LimitRates(Math.Round(report.Limits.Gflops, 2), Math.Round(report.Limits.GigabytesPerSecond, 2)),
        report.WallSeconds, report.OpSeconds, report.Grouping.ToString().ToLowerInvariant(),
        [
            .. report.Groups.Select(g => new Group(
                g.Op, g.Shape, g.Module, g.Calls, 1e3 * g.Seconds, 1e3 * g.MedianSeconds, report.ShareOf(g), g.Gflops, g.GigabytesPerSecond,
                g.Intensity, 100 * g.ShareOfRoofline(report.Limits), g.Flops, g.Bytes, g.ManagedBytes, g.ArenaBytes, g.Allocations)),
        ]);

    /// <summary>Measured in the same run.</summary>
    internal sealed record LimitRates(double Gflops, double GbPerS);

    /// <summary>
    /// One line: what its calls have in common is named, the rest is empty. The share is that of the time in ops, 0 to 1; 100 percent of the
    /// roofline is where the device's limits allow no less time.
    /// </summary>
    internal sealed record Group(
        string Op, string Shape, string Module, int Calls, double TotalMs, double MedianMs, double Share, double Gflops, double GbPerS,
        double FlopsPerByte, double RooflinePercent, double Flops, double Bytes, long ManagedBytes, long ArenaBytes, long DeviceAllocations);
}
