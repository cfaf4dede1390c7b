using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AuralSam2.Bench.Compiled;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>The committed table of what kernels occupy: what it says, what differs from it, how it is written.</summary>
/// <param name="Release">Release of ptxas that it is of.</param>
/// <param name="Rows">One row per kernel and architecture.</param>
internal sealed partial record ResourceTable(string Release, IReadOnlyList<ResourceTable.Row> Rows)
{
    /// <summary>The command that writes the table anew.</summary>
    public const string Update =
        $"{UpdateVariable}=1 dotnet run -c Release --project tests/AuralSam2.Kernels.Tests -- -class \"*{nameof(PtxasTests)}\"";

    /// <summary>When set, the table is written instead of compared.</summary>
    public const string UpdateVariable = "AURAL_UPDATE_BASELINE";

    /// <summary>What one kernel occupies. No row has a stack frame or spills: <see cref="Complaints"/> refuses them.</summary>
    /// <param name="Kernel">Name.</param>
    /// <param name="Architecture">For example <c>sm_90</c>.</param>
    /// <param name="Threads">Threads of a group.</param>
    /// <param name="Registers">Registers of a thread.</param>
    /// <param name="SharedBytes">Shared memory of a group.</param>
    public sealed record Row(string Kernel, string Architecture, int Threads, int Registers, int SharedBytes);

    /// <summary>The table of what was measured.</summary>
    public static ResourceTable Of(string release, IEnumerable<KernelResources> measured) => new(release,
    [
        .. measured.Select(m => new Row(m.Kernel, m.Architecture, m.Threads, m.Registers, m.SharedBytes))
            .OrderBy(r => r.Kernel, StringComparer.Ordinal).ThenBy(r => r.Architecture, StringComparer.Ordinal),
    ]);

    /// <summary>Reads a table that <see cref="ToMarkdown"/> wrote.</summary>
    public static ResourceTable Parse(string markdown)
    {
        static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
        return new ResourceTable(
            Title().Match(markdown).Groups["release"].Value,
            [
                .. Line().Matches(markdown).Select(m => new Row(
                    m.Groups["kernel"].Value, m.Groups["architecture"].Value, Number(m, "threads"), Number(m, "registers"), Number(m, "shared"))),
            ]);
    }

    /// <summary>The table as it is committed.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder($"""
            # What ptxas {Release} makes of every kernel

            Registers of a thread; bytes of shared memory of a group, the most that a launch may ask for. No kernel has a stack frame or spills
            registers. A test compares; after a change that is meant, write the table anew:

            ```
            {Update}
            ```

            | kernel | architecture | threads | registers | shared bytes |
            |---|---|--:|--:|--:|

            """);
        foreach (var r in Rows)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {r.Kernel} | {r.Architecture} | {r.Threads} | {r.Registers} | {r.SharedBytes} |");
        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>What forbids a kernel whatever the table says: local memory.</summary>
    public static IEnumerable<string> Complaints(IEnumerable<KernelResources> measured) =>
        from m in measured
        where m.StackBytes + m.SpillStoreBytes + m.SpillLoadBytes > 0
        select $"{m.Kernel} {m.Architecture}: {m.StackBytes} bytes of stack, {m.SpillStoreBytes} bytes of spill stores, " +
            $"{m.SpillLoadBytes} of spill loads; kernels must do without";

    /// <summary>Where <paramref name="now"/> is not what this table says, a line each.</summary>
    public IEnumerable<string> Differences(ResourceTable now)
    {
        foreach (var row in now.Rows)
        {
            if (Rows.SingleOrDefault(r => r.Kernel == row.Kernel && r.Architecture == row.Architecture) is not { } before)
            {
                yield return $"{row.Kernel} {row.Architecture}: not in the table; {row.Threads} threads, {row.Registers} registers, " +
                    $"{row.SharedBytes} bytes of shared memory";
                continue;
            }

            foreach (var (what, was, value) in new[]
            {
                ("threads", before.Threads, row.Threads),
                ("registers", before.Registers, row.Registers),
                ("bytes of shared memory", before.SharedBytes, row.SharedBytes),
            })
            {
                // More or fewer threads are neither better nor worse.
                var judgement = what == "threads" ? "" : value > was ? ", worse" : ", better";
                if (value != was) yield return $"{row.Kernel} {row.Architecture}: {was} -> {value} {what}{judgement}";
            }
        }

        foreach (var row in Rows.Where(r => !now.Rows.Any(n => n.Kernel == r.Kernel && n.Architecture == r.Architecture)))
            yield return $"{row.Kernel} {row.Architecture}: in the table, but there is no such kernel";
    }

    [GeneratedRegex(@"^# What ptxas (?<release>[\d.]+) makes", RegexOptions.Multiline)]
    private static partial Regex Title();

    [GeneratedRegex(
        @"^\| (?<kernel>\w+) \| (?<architecture>sm_\w+) \| (?<threads>\d+) \| (?<registers>\d+) \| (?<shared>\d+) \|\r?$", RegexOptions.Multiline)]
    private static partial Regex Line();
}
