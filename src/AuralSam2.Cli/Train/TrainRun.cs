using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Data;
using AuralSam2.Training;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>One run of <c>aural train</c>.</summary>
internal sealed class TrainRun(IEngine engine, CommandStreams streams, CancellationToken cancellation)
{
    private readonly long start = Stopwatch.GetTimestamp();

    /// <summary>Whether <c>--weights</c> names a rule and not a file.</summary>
    public static bool IsRule(string weights) => weights == "rule" || weights.StartsWith("rule:", StringComparison.Ordinal);

    /// <summary>Runs it.</summary>
    /// <returns>Exit code.</returns>
    public int Run(TrainRequest request)
    {
        try
        {
            return Train(request);
        }
        catch (Exception error) when (cancellation.IsCancellationRequested && error is not OperationCanceledException)
        {
            return Failures.Report(error, streams, "train", interrupted: false); // why it could not be saved counts for more
        }
    }

    private int Train(TrainRequest request)
    {
        var earlier = request.Resume ? SettingsOf(TrainingFolder.Open(request.Out, resume: true)) : null;
        var kind = DatasetNames.KindOf(request.Dataset ?? earlier!.Dataset)!.Value;
        var root = Path.GetFullPath(request.Data ?? earlier!.Data);
        if (!Directory.Exists(root)) throw new DirectoryNotFoundException($"{root}: no such folder; check --data");
        var clips = ClipDataset.Open(root, kind, Split.Train);
        var validation = request.Pace.ValidateEvery == 0 ? null : ClipDataset.Open(root, kind, Split.Validation);

        using var weights = OpenWeights(request.Weights ?? earlier!.Weights);
        var model = weights.Choose(request.Model ?? (request.Weights is null ? earlier?.Model : null));
        var settings = request.Change(earlier ?? Fresh(model, kind)) with
        {
            Model = model,
            Dataset = kind.Name(),
            Data = root,
            Weights = [.. request.Weights?.Select(file => IsRule(file) ? file : Path.GetFullPath(file)) ?? earlier!.Weights],
        };
        var folder = TrainingFolder.Open(request.Out, request.Resume);
        foreach (var file in weights.Files) streams.Error.WriteLine($"weights: {file}");

        using var device = ChosenDevice.Open(engine, streams, request.Device, request.Threads);
        cancellation.ThrowIfCancellationRequested();
        using var learner = engine.OpenLearner(device.Device, weights.Source, settings);
        var pace = request.Pace with { PeakGflops = engine.MeasureRoofline(device.Device).Gflops };
        using var last = PartialFile.Watch(folder.Last);
        using var best = PartialFile.Watch(folder.Best);
        using var trainer = new Trainer(learner, settings, pace, clips, validation, folder);
        streams.Error.WriteLine(
            $"{(request.Resume ? $"resuming after step {trainer.Position.Step}" : "training")}: " +
            $"{settings.Epochs} epochs of {clips.Clips.Count} clips, " +
            $"{settings.StepsPerEpoch(clips.Clips.Count)} steps each; {pace.PeakGflops:0} GFLOP/s at the most");
        var outcome = TrainDisplay.Run(streams, settings, folder, watcher => trainer.Run(watcher, cancellation));
        CurvesPicture.Write(folder, settings, trainer.Log);
        return Report(request, outcome, device.Device.Name);
    }

    private int Report(TrainRequest request, TrainingOutcome outcome, string device)
    {
        var position = outcome.Position;
        var document = new TrainDocument(
            "aural", AuralCommand.Version, request.Out, device, outcome.Completed, position.Step, position.Epoch, position.BestScore,
            position.BestEpoch + 1, Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 2));
        if (request.Json) streams.Out.WriteLine(JsonSerializer.Serialize(document, ResultJson.Of.TrainDocument));
        if (!outcome.Completed)
        {
            streams.Error.WriteLine(
                $"aural: interrupted after step {position.Step}, which is saved; aural train --resume --out {request.Out} goes on");
            return ExitCode.Interrupted;
        }

        if (request.Json) return ExitCode.Done;
        streams.Out.WriteLine($"trained {position.Epoch} epochs, {position.Step} steps: {request.Out}");
        if (position.BestScore is { } score)
            streams.Out.WriteLine($"best: J&F {score:0.0000} after epoch {position.BestEpoch + 1}, {Path.Combine(request.Out, "best.safetensors")}");
        return ExitCode.Done;
    }

    private static TrainingSettings SettingsOf(TrainingFolder folder)
    {
        using var checkpoint = TrainingCheckpoint.Open(folder.Last);
        return checkpoint.Settings;
    }

    private static TrainingSettings Fresh(string model, DatasetKind kind) => new()
    {
        Model = model,
        Dataset = kind.Name(),
        Epochs = TrainingSettings.PublishedEpochs(kind.Name()),
        ImageSize = model == "mini" ? 128 : 1024,
    };

    /// <summary>Weights that a run can begin with: AuralFuser may be missing, and is made anew then.</summary>
    private ModelWeights OpenWeights(IReadOnlyList<string> files)
    {
        if (files is [var rule] && IsRule(rule)) return engine.RuleWeights(rule == "rule" ? "" : rule["rule:".Length..]);
        foreach (var file in files)
            if (!File.Exists(file)) throw new FileNotFoundException($"{file}: no such file; check --weights");
        var set = engine.OpenWeightSet(files);
        try
        {
            if (set.Missing.Where(part => part != "AuralFuser").ToArray() is { Length: > 0 } missing)
                throw new WeightsException($"{set.Description}: {string.Join(" and ", missing)} missing; give those weights with --weights as well");
            if (set.Kind.Misfit is { } misfit) throw new WeightsException($"{set.Description}: {misfit}; give files that belong together");
            return new ModelWeights(set, set.Kind.Model, [.. set.Contributions.Select(ModelWeights.File.Of)]);
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }
}
