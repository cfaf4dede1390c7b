using System.Runtime.InteropServices;
using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Training;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>
/// Kind training: a clip forward and back, every parameter's gradient, the running statistics, and the losses of the steps that follow.
/// </summary>
internal static class TrainingFixture
{
    /// <summary>Error allowed in the first step's losses.</summary>
    private const double LossBudget = 1e-5;

    /// <summary>Error allowed in the first step's values, which have passed batch norms over a handful of rows.</summary>
    private const double ValueBudget = 1e-4;

    /// <summary>Error allowed in gradients, of each tensor's largest magnitude.</summary>
    private const double GradientBudget = 1e-3;

    /// <summary>
    /// Error allowed in the total loss of later steps: batch norms over three sound tokens and AdamW's first steps, which follow signs,
    /// amplify rounding.
    /// </summary>
    private const double AvsHistoryBudget = 1e-2, RefHistoryBudget = 1e-3;

    /// <summary>Single terms move more than their sum.</summary>
    private const double TermFactor = 3;

    /// <summary>A step moves a weight by the learning rate at the most: where rounding decides the sign of a gradient, by twice that.</summary>
    private const double StepBudget = 3e-3;

    private const int Terms = 7; // focal, dice, IoU, object, their weighted sum, contrast, total

    /// <summary>Replays the recorded steps and compares.</summary>
    /// <param name="device">Where it trains.</param>
    /// <param name="comparison">What it is held against.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <param name="resumes">Also interrupts a run halfway and compares how it goes on, to the bit.</param>
    /// <param name="disturb">Sees, and may change, the first step's gradients of named values while the walk back comes by; or null.</param>
    public static void Run(
        Device device, StageComparison comparison, CancellationToken cancellation, bool resumes = false, Action<string, Tensor>? disturb = null)
    {
        var fixture = comparison.Fixture;
        using var files = resumes ? new ResumeFiles() : null;
        var stored = fixture.File.ReadDoubles("loss_history");
        var steps = stored.Length / Terms;
        var history = new float[stored.Length];
        bool isRef;
        using (var replay = new TrainingReplay(device, fixture, cancellation))
        {
            isRef = replay.IsRef;
            for (var step = 0; step < steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (step == steps / 2) files?.Save(replay, step, files.Half);
                Note(replay.Learn(step == 0 ? Look(device, replay, comparison, disturb) : null), history.AsSpan(step * Terms, Terms));
                if (step == 0) CompareFirstStep(device, replay.Learner, comparison);
                if (step + 1 == steps) break;
                replay.Step(step);
                CompareParameters(device, replay.Learner, comparison, step + 1);
            }

            files?.Save(replay, steps - 1, files.Whole);
        }

        CompareHistory(comparison, history, stored, isRef ? RefHistoryBudget : AvsHistoryBudget);
        if (files is not null) CompareResumed(device, comparison, files, history, cancellation);
    }

    /// <summary>A learner that knows nothing but the checkpoint takes the steps that the first one took: not a bit may differ.</summary>
    private static void CompareResumed(
        Device device, StageComparison comparison, ResumeFiles files, float[] history, CancellationToken cancellation)
    {
        var steps = history.Length / Terms;
        var before = steps / 2 * Terms;
        float[] resumed = [.. history[..before], .. new float[history.Length - before]];
        using (var replay = new TrainingReplay(device, comparison.Fixture, cancellation))
        {
            using (var half = TrainingCheckpoint.Open(files.Half)) half.Restore(replay.Learner, replay.Optimizer);
            for (var step = steps / 2; step < steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                Note(replay.Learn(look: null), resumed.AsSpan(step * Terms, Terms));
                if (step + 1 < steps) replay.Step(step);
            }

            files.Save(replay, steps - 1, files.Resumed);
        }

        var losses = history.Zip(resumed).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second));
        comparison.NoteDifferences("resume.losses", losses, history.Length - before);
        var (parameters, optimizer) = (new long[2], new long[2]);
        using SafetensorsFile whole = SafetensorsFile.Open(files.Whole), again = SafetensorsFile.Open(files.Resumed);
        foreach (var name in whole.Names)
        {
            var expected = MemoryMarshal.Cast<byte, int>(whole.RawBytes(name));
            var found = MemoryMarshal.Cast<byte, int>(again.RawBytes(name));
            var counts = name.StartsWith(KeyMap.OptimizerPrefix, StringComparison.Ordinal) ? optimizer : parameters;
            for (var i = 0; i < expected.Length; i++) counts[0] += expected[i] == found[i] ? 0 : 1;
            counts[1] += expected.Length;
        }

        comparison.NoteDifferences("resume.parameters", parameters[0], parameters[1]);
        comparison.NoteDifferences("resume.optimizer", optimizer[0], optimizer[1]);
    }

    /// <summary>Compares values while they are recorded, and their gradients when the walk back comes by.</summary>
    private static Action<string, Tensor> Look(
        Device device, TrainingReplay replay, StageComparison comparison, Action<string, Tensor>? disturb) => (name, value) =>
    {
        comparison.Budget = ValueBudget;
        if (name.StartsWith("mask.", StringComparison.Ordinal))
        {
            // Memories depend on the mask, cut at zero. Nothing is excused by that here: a gradient off by a hundredth would be as well.
            comparison.UndecidedPixels += device.Download(value).LongCount(logit => Math.Abs(logit) < AuralFixture.UndecidedLogit);
            return;
        }

        Show(name, "step0." + name, value);
        replay.Learner.Tape.Observe(value, gradient =>
        {
            comparison.Budget = GradientBudget;
            disturb?.Invoke(name, gradient);
            Show(name, "step0.grad_" + name, gradient);
        });

        void Show(string kind, string stage, Tensor seen)
        {
            if (!kind.StartsWith("proj_v", StringComparison.Ordinal))
            {
                comparison.Compare(stage, device.Download(seen));
                return;
            }

            var edge = (int)Math.Sqrt(seen.Shape[1]);
            comparison.Compare(stage, device.Download(seen), StageLayout.Map, new Shape(replay.Frames, edge, edge, seen.Columns), 0);
        }
    };

    private static void CompareFirstStep(Device device, FuserLearner learner, StageComparison comparison)
    {
        comparison.Budget = GradientBudget;
        foreach (var parameter in learner.Parameters)
        {
            var stage = "grad." + Short(parameter.Name);
            if (!IsRounding(comparison.Fixture, parameter.Name)) comparison.Compare(stage, device.Download(learner.Gradient(parameter)));
            else comparison.Note(stage, Largest(parameter) / Largest(WeightBeside(parameter)), GradientBudget);
        }

        comparison.Budget = ValueBudget;
        foreach (var statistic in learner.Statistics) comparison.Compare("step0.bn." + Short(statistic.Name), device.Download(statistic.Value));

        // What is rounding alone, here and in the file, is held against the gradient of the convolution's weight.
        float Largest(TrainedParameter parameter) => device.Download(learner.Gradient(parameter)).Max(MathF.Abs);
        TrainedParameter WeightBeside(TrainedParameter bias) =>
            learner.Parameters.Single(p => p.Name == bias.Name.Replace(".bias", ".weight", StringComparison.Ordinal));
    }

    private static void CompareParameters(Device device, FuserLearner learner, StageComparison comparison, int step)
    {
        comparison.Budget = StepBudget * Math.Min(step, 10);
        foreach (var parameter in learner.Parameters)
            if (comparison.Stores($"param_after_step{step}.{Short(parameter.Name)}"))
                comparison.Compare($"param_after_step{step}.{Short(parameter.Name)}", device.Download(parameter.Value));
    }

    /// <summary>Every step's terms are a stage of their own: budgets differ, and a person sees where a run leaves the path.</summary>
    private static void CompareHistory(StageComparison comparison, float[] found, double[] stored, double budget)
    {
        string[] names = ["focal", "dice", "iou", "object", "core", "contrast", "total"];
        for (var i = 0; i < stored.Length; i++)
        {
            var (step, term) = Math.DivRem(i, Terms);
            var allowed = step == 0 ? LossBudget : term == Terms - 1 ? budget : TermFactor * budget;
            // Small terms count against the whole: a hundredth of a loss that is nearly nothing is nothing.
            var whole = Math.Abs(stored[(step * Terms) + Terms - 1]);
            var scale = Math.Max(Math.Abs(stored[i]), (step == 0 ? 1e-3 : 0.05) * whole);
            comparison.Note($"loss_history.{step}.{names[term]}", Math.Abs(found[i] - stored[i]) / scale, allowed, (found[i], stored[i]));
        }
    }

    private static void Note(LossTerms terms, Span<float> row)
    {
        var core = terms.Total - terms.Contrast;
        ReadOnlySpan<double> values = [terms.Focal, terms.Dice, terms.Iou, terms.Object, core, terms.Contrast, terms.Total];
        for (var i = 0; i < row.Length; i++) row[i] = (float)values[i];
    }

    /// <summary>
    /// A convolution's bias in front of a batch norm that takes the batch's own statistics changes nothing: its gradient is rounding alone.
    /// </summary>
    private static bool IsRounding(Fixture fixture, string name) =>
        name.EndsWith(".W_z.0.bias", StringComparison.Ordinal) || name.EndsWith(".W_z2.0.bias", StringComparison.Ordinal) ||
        (fixture.Metadata("variant") == "avs" && name.Contains("train_proj_", StringComparison.Ordinal) && name.EndsWith(".proj.0.bias", StringComparison.Ordinal));

    private static string Short(string name) => name["aural_fuser.".Length..];

    /// <summary>Checkpoints in a folder that goes away: halfway, at the end, and at the end of the run that went on from halfway.</summary>
    private sealed class ResumeFiles : IDisposable
    {
        private readonly string folder = Directory.CreateTempSubdirectory("aural-verify-").FullName;

        public string Half => Path.Combine(folder, "half.safetensors");

        public string Whole => Path.Combine(folder, "whole.safetensors");

        public string Resumed => Path.Combine(folder, "resumed.safetensors");

        public void Save(TrainingReplay replay, int step, string path) =>
            TrainingCheckpoint.Save(
                path, replay.Settings, TrainingPosition.Start(clipsPerEpoch: 1) with { Step = step }, replay.Learner, replay.Optimizer);

        public void Dispose() => Directory.Delete(folder, recursive: true);
    }
}
