using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Training;

namespace AuralSam2.Verification;

/// <summary>
/// Kind training: a clip forward and back, every parameter's gradient, the running statistics, and the losses of the steps that follow.
/// </summary>
internal static partial class TrainingFixture
{
    /// <summary>Error allowed in the first step's losses.</summary>
    private const double LossBudget = 1e-5;

    /// <summary>Error allowed in the first step's values, which have passed batch norms over a handful of rows.</summary>
    private const double ValueBudget = 1e-4;

    /// <summary>Error allowed in gradients, of each tensor's largest magnitude.</summary>
    private const double GradientBudget = 1e-3;

    /// <summary>Error allowed in the total loss of later steps: batch norms over three sound tokens and AdamW's first steps, which follow signs, amplify rounding.</summary>
    private const double AvsHistoryBudget = 1e-2, RefHistoryBudget = 1e-3;

    /// <summary>Single terms move more than their sum.</summary>
    private const double TermFactor = 3;

    /// <summary>A step moves a weight by the learning rate at the most: where rounding decides the sign of a gradient, by twice that.</summary>
    private const double StepBudget = 3e-3;

    private const double ClipScale = 2, ExampleScale = 3, TextScale = 0.5;
    private const double Rate = 1e-4, Decay = 0.05;
    private const int ScheduledSteps = 100;
    private const int Terms = 7; // focal, dice, IoU, object, their weighted sum, contrast, total

    public static void Run(Device device, StageComparison comparison, CancellationToken cancellation)
    {
        var fixture = comparison.Fixture;
        var isRef = fixture.Metadata("variant").StartsWith("ref", StringComparison.OrdinalIgnoreCase);
        var sam2 = fixture.Sam2();
        var depths = fixture.Metadata("f_depths") is { Length: > 0 } told ? JsonSerializer.Deserialize<int[]>(told)! : FuserConfig.Mini(FuserVariant.Avs).FrameDepths;
        var fuser = new FuserConfig(isRef ? FuserVariant.Ref : FuserVariant.Avs, depths, FuserConfig.Published().AudioDepth);
        using var weights = fixture.Weights();
        var network = AuralSam2Network.Load(device, sam2, fuser, weights, progress: null, isLearned: FuserLearner.IsLearned(trainVggish: false));
        using var learner = new FuserLearner(network, dropout: 0, AudioConForm.Released);
        using var optimizer = new AdamWOptimizer(learner);
        using var scope = device.Scope();

        var frames = fixture.ShapeOf("step0.feat.0")[0];
        var room = learner.Room(frames);
        Encode(device, fixture, room, frames, sam2.ImageSize, cancellation);
        var examples = device.Rent(frames, 2, LogMel.ExampleFrames, LogMel.Bands);
        device.Upload(fixture.Input("input.spect", ExampleScale, examples.Length), examples);
        Tensor text = default;
        if (isRef)
        {
            text = device.Rent(AuralFuser.TextTokens, AuralFuser.TextChannels);
            device.Upload(fixture.Input("input.text", TextScale, text.Length), text);
        }

        var labels = Labels(fixture.Note, frames, sam2.ImageSize);
        var stored = fixture.File.ReadDoubles("loss_history");
        var history = new float[stored.Length];
        for (var step = 0; step * Terms < stored.Length; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            learner.ZeroGradients();
            var terms = learner.Learn(room, examples, text, labels, Identity, scale: 1, step == 0 ? Look(device, learner, comparison, frames) : null);
            Note(terms, history.AsSpan(step * Terms, Terms));
            if (step == 0) CompareFirstStep(device, learner, comparison);
            if ((step + 1) * Terms >= stored.Length) break;
            optimizer.Step(new PolySchedule(Rate, ScheduledSteps).Rate(step), Decay, norm: 0, clipNorm: null);
            CompareParameters(device, learner, comparison, step + 1);
        }

        CompareHistory(comparison, history, stored, isRef ? RefHistoryBudget : AvsHistoryBudget);
    }

    private static int[] Identity(int count) => [.. Enumerable.Range(0, count)];

    private static void Encode(Device device, Fixture fixture, ClipForward room, int frames, int size, CancellationToken cancellation)
    {
        var video = fixture.Map("input.video", ClipScale, frames, 3, size);
        for (var t = 0; t < frames; t++)
        {
            using var scope = device.Scope();
            var image = device.Rent(size, size, 3);
            device.Upload(video.AsSpan(t * (int)image.Length, (int)image.Length), image);
            room.Encode(t, image, cancellation);
        }
    }

    /// <summary>A circle, a rectangle, then nothing, as the note says.</summary>
    private static byte[][] Labels(string note, int frames, int size)
    {
        int[] c = Numbers(Circle().Match(note), 40, 60, 900), r = Numbers(Rectangle().Match(note), 20, 100, 80);
        var labels = new byte[frames][];
        for (var t = 0; t < frames; t++)
        {
            labels[t] = new byte[size * size];
            for (var i = 0; i < labels[t].Length; i++)
            {
                var (y, x) = (i / size, i % size);
                var on = t == 0 ? ((y - c[0]) * (y - c[0])) + ((x - c[1]) * (x - c[1])) < c[2] : t == 1 && y > r[0] && y < r[1] && x > r[2];
                labels[t][i] = on ? (byte)1 : (byte)0;
            }
        }

        return labels;
    }

    /// <summary>Compares values while they are recorded, and their gradients when the walk back comes by.</summary>
    private static Action<string, Tensor> Look(Device device, FuserLearner learner, StageComparison comparison, int frames) => (name, value) =>
    {
        comparison.Budget = ValueBudget;
        Show(name, "step0." + name, value);
        learner.Tape.Observe(value, gradient =>
        {
            comparison.Budget = GradientBudget;
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
            comparison.Compare(stage, device.Download(seen), StageLayout.Map, new Shape(frames, edge, edge, seen.Columns), 0);
        }
    };

    private static void CompareFirstStep(Device device, FuserLearner learner, StageComparison comparison)
    {
        comparison.Budget = GradientBudget;
        foreach (var parameter in learner.Parameters)
        {
            var stage = "grad." + Short(parameter.Name);
            if (!IsRounding(comparison.Fixture, parameter.Name)) comparison.Compare(stage, device.Download(learner.Gradient(parameter)));
        }

        comparison.Budget = ValueBudget;
        foreach (var statistic in learner.Statistics) comparison.Compare("step0.bn." + Short(statistic.Name), device.Download(statistic.Value));
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
            var scale = Math.Max(Math.Abs(stored[i]), step == 0 ? 1e-3 * Math.Abs(stored[(step * Terms) + Terms - 1]) : 0.05 * Math.Abs(stored[(step * Terms) + Terms - 1]));
            comparison.Note($"loss_history.{step}.{names[term]}", Math.Abs(found[i] - stored[i]) / scale, allowed);
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

    private static int[] Numbers(Match match, params int[] otherwise) => match.Success
        ? [.. match.Groups.Values.Skip(1).Select(g => int.Parse(g.Value, CultureInfo.InvariantCulture))]
        : otherwise;

    [GeneratedRegex(@"circle \(y-(\d+)\)\^2\+\(x-(\d+)\)\^2<(\d+)")]
    private static partial Regex Circle();

    [GeneratedRegex(@"rect (\d+)<y<(\d+),x>(\d+)")]
    private static partial Regex Rectangle();
}
