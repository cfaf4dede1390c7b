using System.Diagnostics;
using AuralSam2.Predictors;

namespace AuralSam2.Cli;

/// <summary>Measures how long each stage takes: a report names what begins, and the time until the next report is that stage's.</summary>
internal sealed class StageClock(IProgress<SegmentProgress> display) : IProgress<SegmentProgress>
{
    private readonly Dictionary<string, double> seconds = [];
    private readonly List<string> order = [];
    private string? running;
    private long since;

    /// <summary>Seconds per stage, in the order in which the stages first ran.</summary>
    public IReadOnlyDictionary<string, double> Seconds =>
        order.ToDictionary(stage => Label(stage), stage => Math.Round(seconds[stage], 3));

    /// <summary>Seconds of all stages.</summary>
    public double Total => seconds.Values.Sum();

    public void Report(SegmentProgress value)
    {
        Switch(value.Stage);
        display.Report(value);
    }

    /// <summary>Runs work that is no stage of the model, and returns the seconds it took; the stage that was running goes on afterwards.</summary>
    public double Aside(Action work)
    {
        var interrupted = running;
        Switch(null);
        var start = Stopwatch.GetTimestamp();
        work();
        var spent = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Switch(interrupted);
        return spent;
    }

    /// <summary>Ends the last stage.</summary>
    public void Stop() => Switch(null);

    private void Switch(string? stage)
    {
        var now = Stopwatch.GetTimestamp();
        if (running is not null) seconds[running] += Stopwatch.GetElapsedTime(since, now).TotalSeconds;
        if (stage is not null && seconds.TryAdd(stage, 0)) order.Add(stage);
        running = stage;
        since = now;
    }

    /// <summary>"encoding images" becomes the key "encoding_images_s".</summary>
    private static string Label(string stage) => $"{stage.Replace(' ', '_')}_s";
}
