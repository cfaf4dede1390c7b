using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>What a person reads when tracking is done.</summary>
internal static class TrackSummary
{
    /// <summary>Prints where each object is, the speed, and where to look.</summary>
    public static void Print(CommandStreams streams, TrackDocument result, string folder)
    {
        var table = new Table().RoundedBorder().AddColumn(Right("object")).AddColumn("colour").AddColumn(Right("frames")).AddColumn(Right("first"))
            .AddColumn(Right("last")).AddColumn(Right("mean area"));
        foreach (var o in result.Objects)
            table.AddRow($"{o.Object}", o.Color, $"{o.FramesPresent} of {result.Input.Count}", $"{o.First}", $"{o.Last}", $"{100 * o.MeanAreaShare:0.0} %");
        streams.OutConsole().Write(table);
        streams.Out.WriteLine(
            $"{result.Model}: {result.Input.Count} frames, {result.Timings.FramesPerSecond:0.00} per second"
            + $" ({result.Timings.TotalS:0.0} s in all, {result.Timings.LoadS:0.0} s of it loading), peak memory {result.PeakMemoryMb:0} MB");
        streams.Out.WriteLine(ChosenDevice.Line(result.Device, result.DeviceNote));
        if (!result.Trained) streams.Out.WriteLine("The weights are untrained: these masks show that everything runs, and mean nothing.");
        streams.Out.WriteLine($"Look at {Path.Combine(folder, ResultFolder.TimelineFile)}");
    }

    private static TableColumn Right(string title) => new TableColumn(title).RightAligned().NoWrap();
}
