using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>What a person reads when the work is done.</summary>
internal static class SegmentSummary
{
    private const int MostRows = 20;

    /// <summary>Prints the scores per frame, the speed, and where to look.</summary>
    public static void Print(CommandStreams streams, ResultDocument result, string folder)
    {
        var table = new Table().RoundedBorder().AddColumn(Right("frame")).AddColumn(Right("time")).AddColumn(Right("predicted IoU"))
            .AddColumn(Right("object score")).AddColumn(Right("area")).AddColumn("box (x0, y0, x1, y1)");
        foreach (var f in result.Frames.Take(MostRows))
        {
            var style = f.ObjectScore < 0 ? "dim" : "default";
            table.AddRow(
                $"{f.Index}", $"{f.Seconds:0.0#} s", $"{f.PredictedIou:0.000}", $"[{style}]{f.ObjectScore:+0.00;-0.00}[/]",
                $"{100 * f.AreaShare:0.0} %", f.Box is null ? "[dim]empty[/]" : string.Join(", ", f.Box));
        }

        if (result.Frames.Count > MostRows)
            table.AddRow("...", "", "", "", "", $"{result.Frames.Count - MostRows} more in {ResultFolder.ResultFile}");
        var console = streams.OutConsole();
        console.Write(table);
        streams.Out.WriteLine(
            $"{result.Model}: {result.Frames.Count} frames, {result.Timings.FramesPerSecond:0.00} per second"
            + $" ({result.Timings.TotalS:0.0} s in all, {result.Timings.LoadS:0.0} s of it loading), peak memory {result.PeakMemoryMb:0} MB");
        streams.Out.WriteLine(ChosenDevice.Line(result.Device, result.DeviceNote));
        if (!result.Trained) streams.Out.WriteLine("The weights are untrained: these masks show that everything runs, and mean nothing.");
        streams.Out.WriteLine($"Look at {Path.Combine(folder, ResultFolder.OverviewFile)}");
    }

    private static TableColumn Right(string title) => new TableColumn(title).RightAligned().NoWrap();
}
