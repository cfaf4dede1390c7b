using AuralSam2.Predictors;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>Shows how far the work is: a bar where a person watches, one plain line per stage where a file does.</summary>
internal abstract class ProgressDisplay : IProgress<SegmentProgress>
{
    /// <summary>Runs <paramref name="work"/> under a display on standard error, which is gone when this returns.</summary>
    public static T Run<T>(CommandStreams streams, Func<ProgressDisplay, T> work)
    {
        if (!streams.ErrorIsTerminal) return work(new StageLines(streams.Error));
        return streams.ErrorConsole().Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { CompletedStyle = new Style(Color.Teal), FinishedStyle = new Style(Color.Teal) },
                new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context => work(new Bar(context)));
    }

    /// <inheritdoc/>
    public abstract void Report(SegmentProgress value);

    private sealed class Bar(ProgressContext context) : ProgressDisplay
    {
        private readonly ProgressTask task = context.AddTask("starting");

        public override void Report(SegmentProgress value)
        {
            task.Description = Markup.Escape(value.Stage);
            task.MaxValue = Math.Max(1, value.Total);
            task.Value = value.Done;
        }
    }

    /// <summary>Stages can take turns; each is named once.</summary>
    private sealed class StageLines(TextWriter writer) : ProgressDisplay
    {
        private readonly HashSet<string> named = [];

        public override void Report(SegmentProgress value)
        {
            if (named.Add(value.Stage)) writer.WriteLine($"{value.Stage} ...");
        }
    }
}
