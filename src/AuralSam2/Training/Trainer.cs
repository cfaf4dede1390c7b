using System.Diagnostics;
using AuralSam2.Data;
using AuralSam2.Kernels;

namespace AuralSam2.Training;

/// <summary>What does not decide what is learned, and may change when a run goes on.</summary>
/// <param name="ValidateEvery">Epochs between validations; the last epoch always has one. 0: none at all.</param>
/// <param name="SaveEvery">Steps between checkpoints within an epoch; one is written at the end of every epoch too.</param>
/// <param name="PeakGflops">Measured peak of the device, 10^9 operations per second; null where it is not known.</param>
public sealed record TrainingPace(int ValidateEvery = 1, int SaveEvery = 50, double? PeakGflops = null);

/// <summary>How a run ended.</summary>
/// <param name="Completed">False: it was interrupted, and can go on.</param>
/// <param name="Position">Where it stands, which is what the last checkpoint holds.</param>
public sealed record TrainingOutcome(bool Completed, TrainingPosition Position);

/// <summary>
/// Trains: epochs of steps, each over a few clips whose gradients are averaged; validations; checkpoints. What it learns depends on the
/// settings, the data, the weights that it begins with and the device and its number of threads, not on how often it was stopped.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly ILearner learner;
    private readonly TrainingSettings settings;
    private readonly TrainingPace pace;
    private readonly ClipDataset clips;
    private readonly ClipDataset? validation;
    private readonly TrainingFolder folder;
    private readonly AdamWOptimizer optimizer;
    private readonly TrainingLog log;
    private readonly long totalSteps;
    private TrainingPosition position;
    private long savedStep = -1;

    /// <summary>Begins a run, or takes one up where its last checkpoint stands.</summary>
    /// <param name="learner">What learns, with the weights that it begins with.</param>
    /// <param name="settings">What decides what is learned.</param>
    /// <param name="pace">What does not.</param>
    /// <param name="clips">What is learned from.</param>
    /// <param name="validation">What scores are computed on; null for none.</param>
    /// <param name="folder">Where the run keeps its files.</param>
    /// <exception cref="TrainingException">The folder holds a run of another model, of other settings or of other data; the message names what
    /// differs.</exception>
    /// <exception cref="Weights.WeightsException">A checkpoint cannot be read or written.</exception>
    public Trainer(
        ILearner learner, TrainingSettings settings, TrainingPace pace, ClipDataset clips, ClipDataset? validation, TrainingFolder folder)
    {
        (this.learner, this.settings, this.pace) = (learner, settings, pace);
        (this.clips, this.validation, this.folder) = (clips, validation, folder);
        totalSteps = settings.Schedule(clips.Clips.Count).Steps;
        position = TrainingPosition.Start(clips.Clips.Count);
        optimizer = new AdamWOptimizer(learner);
        try
        {
            if (File.Exists(folder.Last)) Restore();
            log = TrainingLog.Open(folder.Log, position);
            if (savedStep < 0) Save(folder.Last); // an interrupt at any moment leaves something to go on from
        }
        catch
        {
            log?.Dispose();
            optimizer.Dispose();
            throw;
        }
    }

    /// <summary>Where the run stands.</summary>
    public TrainingPosition Position => position;

    /// <summary>What the log says so far.</summary>
    public IReadOnlyList<LogLine> Log => log.Lines;

    /// <summary>Trains until the last epoch is done or somebody interrupts: then the step that is under way is finished and saved.</summary>
    /// <param name="watcher">Hears of steps and validations.</param>
    /// <param name="cancellation">Interrupts.</param>
    /// <exception cref="TrainingException">
    /// A step made something that is no finite number; the message names the first op that did. The last checkpoint stays as it was.
    /// </exception>
    /// <exception cref="Media.MediaException">A clip cannot be read; what was learned before is saved.</exception>
    /// <exception cref="Weights.WeightsException">A checkpoint cannot be written; the one before is as it was.</exception>
    public TrainingOutcome Run(ITrainingWatcher watcher, CancellationToken cancellation)
    {
        var start = new Pace(Stopwatch.GetTimestamp(), position.Step);
        while (position.Epoch < settings.Epochs)
        {
            if (!RunEpoch(watcher, start, cancellation)) return Interrupted();
            if (IsValidated(position.Epoch))
            {
                Save(folder.Last); // a validation takes its time
                if (!Validate(watcher, cancellation)) return Interrupted();
            }
            else
            {
                position = position with { Epoch = position.Epoch + 1, Clip = 0 };
                Save(folder.Last);
            }
        }

        return new TrainingOutcome(Completed: true, position);
    }

    /// <summary>Closes the log and frees the optimizer's memory; the learner is the caller's.</summary>
    public void Dispose()
    {
        log.Dispose();
        optimizer.Dispose();
    }

    private bool IsValidated(int epoch) =>
        validation is not null && pace.ValidateEvery > 0 && ((epoch + 1) % pace.ValidateEvery == 0 || epoch + 1 == settings.Epochs);

    /// <summary>Runs what is left of an epoch; false when it was interrupted.</summary>
    private bool RunEpoch(ITrainingWatcher watcher, Pace start, CancellationToken cancellation)
    {
        var schedule = settings.Schedule(clips.Clips.Count);
        var loader = new ClipLoader(settings.ImageSize, ClipPurpose.Training);
        var requests = clips.Epoch(settings.Seed, position.Epoch).Skip(position.Clip);
        var ahead = Math.Clamp(settings.Accumulate, 2, 8); // while a step runs, the clips of the next are read
        using var coming = ClipPrefetcher.Read(loader, requests, ahead, CancellationToken.None).GetEnumerator();
        while (position.Clip < clips.Clips.Count)
        {
            if (cancellation.IsCancellationRequested) return false;
            var began = Stopwatch.GetTimestamp();
            var flops = learner.Device.DeclaredFlops;
            var batch = Take(coming);
            var rate = schedule.Rate(position.Step);
            var (loss, norm) = Step(batch, rate);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var gflops = (learner.Device.DeclaredFlops - flops) / seconds / 1e9;
            var line = new StepLine(
                position.Epoch, position.Step, batch.Count, loss.Total, loss.Focal, loss.Dice, loss.Iou, loss.Object, loss.Contrast,
                rate, norm, seconds, batch.Count / seconds, gflops, gflops / pace.PeakGflops);
            position = position with { Step = position.Step + 1, Clip = position.Clip + batch.Count };
            log.Add(line);
            watcher.OnStep(line, start.Outlook(position.Step, totalSteps));
            if (pace.SaveEvery > 0 && position.Step % pace.SaveEvery == 0) Save(folder.Last);
        }

        return true;
    }

    /// <summary>The clips of a step, all read before the first is learned from: one that cannot be read spoils nothing.</summary>
    private List<LoadedClip> Take(IEnumerator<LoadedClip> coming)
    {
        var batch = new List<LoadedClip>(settings.Accumulate);
        try
        {
            while (batch.Count < settings.Accumulate && coming.MoveNext()) batch.Add(coming.Current);
        }
        catch
        {
            Save(folder.Last);
            throw;
        }

        return batch;
    }

    private (LossTerms Loss, double Norm) Step(List<LoadedClip> batch, double rate)
    {
        var loss = Accumulate(batch);
        var norm = optimizer.GradientNorm();
        if (!double.IsFinite(loss.Total) || !double.IsFinite(norm)) throw Explain(batch, loss, norm);
        optimizer.Step(rate, settings.WeightDecay, norm, settings.ClipNorm);
        learner.Device.Synchronize();
        return (loss, norm);
    }

    private LossTerms Accumulate(List<LoadedClip> batch)
    {
        learner.ZeroGradients();
        var loss = default(LossTerms);
        for (var i = 0; i < batch.Count; i++)
            loss += learner.Accumulate(batch[i], new StepRandomness(settings.Seed, position.Step, i), 1.0 / batch.Count);
        return loss / batch.Count;
    }

    /// <summary>Runs a step again, looking at everything: parameters have not changed, and random numbers are the same.</summary>
    private TrainingException Explain(List<LoadedClip> batch, LossTerms loss, double norm)
    {
        var what = double.IsFinite(loss.Total) ? $"the norm of its gradients is {norm}" : $"its loss is {loss.Total}";
        var fix = $"{folder.Last} stands at step {savedStep}; begin again with a lower --lr or with --clip-norm";
        var place = $"step {position.Step} ({string.Join(", ", batch.Select(clip => clip.Entry.Uid))})";
        learner.Checked = true;
        try
        {
            Accumulate(batch);
            return new TrainingException($"{place}: {what}, though every op gave finite numbers when it ran again; {fix}");
        }
        catch (NonFiniteException first)
        {
            return new TrainingException($"{place}: {what}; the first op to blame is {first.Message}; {fix}", first);
        }
        finally
        {
            learner.Checked = false;
        }
    }

    /// <summary>Scores the epoch that is done and begins the next one; false when it was interrupted.</summary>
    private bool Validate(ITrainingWatcher watcher, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        var (epoch, total) = (position.Epoch, validation!.Clips.Count);
        try
        {
            watcher.OnValidation(epoch, 0, total);
            var scores = Validation.Run(
                learner, validation, settings.ImageSize, done => watcher.OnValidation(epoch, done, total), cancellation);
            var line = new EpochLine(
                epoch, position.Step, scores.Clips, Known(scores.Jaccard), Known(scores.FMeasure), Known(scores.NullShare), Best: false,
                Stopwatch.GetElapsedTime(began).TotalSeconds);
            line = line with { Best = position.BestScore is null || line.Score > position.BestScore };
            position = position with
            {
                Epoch = epoch + 1,
                Clip = 0,
                BestScore = line.Best ? line.Score : position.BestScore,
                BestEpoch = line.Best ? epoch : position.BestEpoch,
            };
            log.Add(line);
            // The best first: who is stopped between the two validates once more, and finds the same.
            if (line.Best) Save(folder.Best);
            Save(folder.Last);
            watcher.OnEpoch(line, log.Lines);
            return true;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return false;
        }

        static double? Known(double score) => double.IsNaN(score) ? null : score;
    }

    private TrainingOutcome Interrupted()
    {
        if (savedStep != position.Step) Save(folder.Last);
        return new TrainingOutcome(Completed: false, position);
    }

    private void Save(string path)
    {
        TrainingCheckpoint.Save(path, settings, position, learner, optimizer);
        if (path == folder.Last) savedStep = position.Step;
    }

    private void Restore()
    {
        using var checkpoint = TrainingCheckpoint.Open(folder.Last);
        if (settings.DifferencesFrom(checkpoint.Settings) is { Count: > 0 } differences)
        {
            throw new TrainingException(
                $"{folder.Path}: the run there has other settings: {string.Join("; ", differences)}; " +
                "leave those options out, or name another folder");
        }

        if (checkpoint.Position.ClipsPerEpoch != clips.Clips.Count)
        {
            throw new TrainingException(
                $"{folder.Path}: the run there learns from {checkpoint.Position.ClipsPerEpoch} clips, the dataset has {clips.Clips.Count}; " +
                "give the same data, or name another folder");
        }

        checkpoint.Restore(learner, optimizer);
        position = checkpoint.Position;
        savedStep = position.Step;
    }

    /// <summary>How fast this process has been so far.</summary>
    private readonly record struct Pace(long Began, long FirstStep)
    {
        public TrainingOutlook Outlook(long steps, long total)
        {
            var each = Stopwatch.GetElapsedTime(Began) / Math.Max(1, steps - FirstStep);
            return new TrainingOutlook(steps, total, each * (total - steps));
        }
    }
}
