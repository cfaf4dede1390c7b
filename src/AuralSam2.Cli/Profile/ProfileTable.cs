using AuralSam2.Kernels;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>A profile as a person reads it.</summary>
internal static class ProfileTable
{
    /// <summary>Columns that the table needs where no terminal limits it.</summary>
    private const int PlainWidth = 170;

    public static void Print(IAnsiConsole console, ProfileReport report, int lines)
    {
        if (!console.Profile.Out.IsTerminal) console.Profile.Width = PlainWidth;
        var shown = lines == 0 ? report.Groups : [.. report.Groups.Take(lines)];
        var table = new Table().Border(TableBorder.Horizontal);
        foreach (var title in TitlesOf(report.Grouping)) table.AddColumn(new TableColumn(title).NoWrap().Padding(0, 0, 2, 0));
        foreach (var title in (string[])
                ["calls", "total\nms", "median\nms", "share\n%", "GFLOP/s", "GB/s", "flop/\nbyte", "roof\n%", "heap", "arena", "device\nallocs"])
            table.AddColumn(new TableColumn(title).RightAligned().NoWrap().Padding(0, 0, 2, 0));
        foreach (var group in shown) table.AddRow([.. NamesOf(report.Grouping, group), .. NumbersOf(report, group)]);
        if (shown.Count < report.Groups.Count)
        {
            var rest = report.Groups.Skip(shown.Count).ToArray();
            var seconds = rest.Sum(g => g.Seconds);
            string[] name = [$"{rest.Length} more (--top 0)"];
            string[] numbers = [$"{rest.Sum(g => g.Calls)}", $"{1e3 * seconds:0.0}", "", $"{100 * seconds / report.OpSeconds:0.0}"];
            table.AddRow([.. name, .. Enumerable.Repeat("", TitlesOf(report.Grouping).Length - 1), .. numbers]);
        }

        console.Write(table);
        var limits = report.Limits;
        console.MarkupLineInterpolated(
            $"ops took {report.OpSeconds:0.00} s of the {report.WallSeconds:0.00} s that [bold]{report.Verb}[/] ran on {report.Device}");
        console.MarkupLineInterpolated(
            $"limits measured in this run: {limits.Gflops:0.0} GFLOP/s, {limits.GigabytesPerSecond:0.0} GB/s; roof above 100 %: operands stayed in cache");
    }

    private static string[] TitlesOf(OpGrouping grouping) => grouping switch
    {
        OpGrouping.Module => ["module"],
        OpGrouping.Op => ["op"],
        _ => ["op", "shape"],
    };

    private static string[] NamesOf(OpGrouping grouping, OpGroup group) => grouping switch
    {
        OpGrouping.Module => [Markup.Escape(ProfileReport.NameOf(group.Module))],
        OpGrouping.Op => [group.Op],
        _ => [group.Op, Markup.Escape(group.Shape)],
    };

    private static string[] NumbersOf(ProfileReport report, OpGroup group) =>
    [
        $"{group.Calls}", $"{1e3 * group.Seconds:0.0}", $"{1e3 * group.MedianSeconds:0.000}", $"{100 * report.ShareOf(group):0.0}",
        group.Flops > 0 ? $"{group.Gflops:0.0}" : "", $"{group.GigabytesPerSecond:0.0}", group.Flops > 0 ? $"{group.Intensity:0.0}" : "",
        $"{100 * group.ShareOfRoofline(report.Limits):0}", Sizes.Brief(group.ManagedBytes), Sizes.Brief(group.ArenaBytes),
        group.Allocations == 0 ? "" : $"{group.Allocations}",
    ];
}
