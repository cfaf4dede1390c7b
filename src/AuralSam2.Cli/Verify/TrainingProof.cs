using System.Globalization;
using AuralSam2.Verification;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary>The proof of <c>aural verify --training</c> on a screen: gradients, losses step by step, and a run that goes on.</summary>
internal static class TrainingProof
{
    private const string Gradient = "grad.";
    private const string FirstStep = "step0.";
    private const string Statistic = FirstStep + "bn.";
    private const string Losses = "loss_history.";
    private const string Total = ".total";
    private const string Resume = "resume.";

    /// <summary>Prints it.</summary>
    /// <param name="console">Where to.</param>
    /// <param name="report">Of <see cref="FixtureVerifier.VerifyTraining"/>.</param>
    /// <param name="all">A line for every stage, not for every module.</param>
    public static void Print(IAnsiConsole console, FixtureReport report, bool all)
    {
        StageResult[] compared = [.. report.Stages.Where(s => !s.Stage.StartsWith(Losses, StringComparison.Ordinal) && !IsResume(s))];
        var table = new Table().RoundedBorder()
            .Title($"{Markup.Escape(Path.GetFileName(report.File))}  ({report.Kind}, {report.Model})")
            .AddColumn(all ? "stage" : "what")
            .AddColumn(new TableColumn("tensors").RightAligned().NoWrap())
            .AddColumn("the worst of them")
            .AddColumn(new TableColumn("error").RightAligned().NoWrap())
            .AddColumn(new TableColumn("budget").RightAligned().NoWrap())
            .AddColumn(new TableColumn("used").RightAligned().NoWrap())
            .AddColumn("");
        foreach (var group in compared.GroupBy(s => all ? s.Stage : GroupOf(s.Stage)))
        {
            var worst = group.MaxBy(s => s.Used)!;
            table.AddRow(
                Markup.Escape(group.Key), $"{group.Count()}", all ? "" : Markup.Escape(Short(worst.Stage)), $"{worst.Error:0.0e+00}",
                $"{worst.Budget:0.0e+00}", Share(worst), Verdict(group.All(s => s.Passed)));
        }

        console.Write(table);
        console.Write(LossTable(report));
        StageResult[] resumed = [.. report.Stages.Where(IsResume)];
        foreach (var stage in resumed.Where(s => !s.Passed))
            console.MarkupLine($"{stage.Stage}: [red]{stage.Error:0} of {stage.Values} values differ[/]");
        if (resumed.Length > 0 && resumed.All(s => s.Passed))
            console.MarkupLine($"saved halfway, loaded, gone on: all {resumed.Sum(s => s.Values)} values equal [green]to the bit[/]");
    }

    /// <summary>A row per step: the loss here, the loss that is stored, and the worst of its terms.</summary>
    private static Table LossTable(FixtureReport report)
    {
        var table = new Table().RoundedBorder()
            .AddColumn(new TableColumn("step").RightAligned())
            .AddColumn(new TableColumn("loss").RightAligned())
            .AddColumn(new TableColumn("stored").RightAligned())
            .AddColumn(new TableColumn("used").RightAligned().NoWrap())
            .AddColumn("the worst of its terms")
            .AddColumn(new TableColumn("used").RightAligned().NoWrap())
            .AddColumn("");
        foreach (var step in report.Stages.Where(s => s.Stage.StartsWith(Losses, StringComparison.Ordinal)).GroupBy(s => s.Stage.Split('.')[1]))
        {
            var total = step.Single(s => s.Stage.EndsWith(Total, StringComparison.Ordinal));
            var worst = step.MaxBy(s => s.Used)!;
            table.AddRow(
                step.Key, Number(total.Numbers?.Found), Number(total.Numbers?.Stored), Share(total), worst.Stage.Split('.')[^1], Share(worst),
                Verdict(step.All(s => s.Passed)));
        }

        return table;
    }

    /// <summary>Gradients by module, everything else by what it is.</summary>
    private static string GroupOf(string stage) =>
        stage.StartsWith(Gradient, StringComparison.Ordinal) ? $"gradients of {stage.Split('.')[1]}"
        : stage.StartsWith(FirstStep + "grad_", StringComparison.Ordinal) ? "gradients of values"
        : stage.StartsWith(Statistic, StringComparison.Ordinal) ? "running statistics"
        : stage.StartsWith(FirstStep, StringComparison.Ordinal) ? "values"
        : "parameters after steps";

    private static string Short(string stage) =>
        stage[(stage.StartsWith(Statistic, StringComparison.Ordinal) ? Statistic.Length : stage.IndexOf('.', StringComparison.Ordinal) + 1)..];

    private static bool IsResume(StageResult stage) => stage.Stage.StartsWith(Resume, StringComparison.Ordinal);

    private static string Share(StageResult stage) => $"{100 * stage.Used:0} %";

    private static string Number(double? value) => value?.ToString("0.000000", CultureInfo.InvariantCulture) ?? "";

    private static string Verdict(bool passed) => passed ? "[green]within[/]" : "[red]OVER[/]";
}
