using System.Globalization;
using AuralSam2.Predictors;
using AuralSam2.Training;

namespace AuralSam2.Cli;

/// <summary>
/// Shows how a run gets on: a bar where a person watches, a line per step where a file does; draws the curves after each validation.
/// </summary>
internal sealed class TrainDisplay : ITrainingWatcher
{
    private readonly CommandStreams streams;
    private readonly ProgressDisplay? bar;
    private readonly TrainingSettings settings;
    private readonly TrainingFolder folder;
    private readonly List<string> scores = [];

    private TrainDisplay(CommandStreams streams, ProgressDisplay? bar, TrainingSettings settings, TrainingFolder folder) =>
        (this.streams, this.bar, this.settings, this.folder) = (streams, bar, settings, folder);

    /// <summary>Runs work under a display, which is gone when this returns; the scores of each epoch stay.</summary>
    public static T Run<T>(CommandStreams streams, TrainingSettings settings, TrainingFolder folder, Func<ITrainingWatcher, T> work)
    {
        if (!streams.ErrorIsTerminal) return work(new TrainDisplay(streams, null, settings, folder));
        List<string> scores = [];
        try
        {
            return ProgressDisplay.Run(streams, bar =>
            {
                var display = new TrainDisplay(streams, bar, settings, folder);
                scores = display.scores;
                return work(display);
            });
        }
        finally
        {
            foreach (var line in scores) streams.Error.WriteLine(line);
        }
    }

    /// <inheritdoc/>
    public void OnStep(StepLine line, TrainingOutlook outlook)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {line.Epoch + 1}/{settings.Epochs} step {outlook.Steps}/{outlook.TotalSteps}: loss {line.Loss:0.0000} " +
            $"(focal {line.Focal:0.0000} dice {line.Dice:0.000} iou {line.Iou:0.000} object {line.Object:0.000} contrast {line.Contrast:0.000}) " +
            $"lr {line.LearningRate:0.00e-0} {line.ClipsPerSecond:0.00} clips/s {line.Gflops:0} GFLOP/s");
        if (line.Mfu is { } share) text += $" {100 * share:0} % of peak";
        text += $", {Duration(outlook.Remaining)} left";
        if (bar is null) streams.Error.WriteLine(text);
        else bar.Report(new SegmentProgress(text, (int)outlook.Steps, (int)outlook.TotalSteps));
    }

    /// <inheritdoc/>
    public void OnValidation(int epoch, int done, int total) => bar?.Report(new SegmentProgress($"validating epoch {epoch + 1}", done, total));

    /// <inheritdoc/>
    public void OnEpoch(EpochLine line, IReadOnlyList<LogLine> log)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {line.Epoch + 1} validated on {line.Clips} clips: J {line.Jaccard:0.0000} F {line.FMeasure:0.0000}" +
            $"{(line.NullShare is { } share ? $" S {share:0.0000}" : "")}{(line.Best ? ", the best so far" : "")}");
        if (bar is null) streams.Error.WriteLine(text);
        else scores.Add(text);
        CurvesPicture.Write(folder, settings, log);
    }

    /// <summary>3725 s become <c>1 h 2 min</c>.</summary>
    internal static string Duration(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } => $"{(int)time.TotalDays} d {time.Hours} h",
        { TotalHours: >= 1 } => $"{time.Hours} h {time.Minutes} min",
        { TotalMinutes: >= 1 } => $"{time.Minutes} min {time.Seconds} s",
        _ => $"{time.Seconds} s",
    };
}
