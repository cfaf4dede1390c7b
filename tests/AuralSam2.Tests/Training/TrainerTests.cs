using System.Text.Json;
using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Tests.Data;
using AuralSam2.Training;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly DatasetFolder data = new();
    private readonly Media.TemporaryFolder folder = new();

    public TrainerTests() => TinyRun.MakeData(data);

    public void Dispose()
    {
        data.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void It_learns_logs_and_keeps_last_and_best()
    {
        var outcome = TinyRun.Go(data.Root, folder["run"], settings: TinyRun.Settings with { Epochs = 12 });
        Assert.Equal((true, 36L, 12), (outcome.Completed, outcome.Position.Step, outcome.Position.Epoch));
        Assert.Equal(["best.safetensors", "last.safetensors", "log.jsonl"], Names("run"));
        var log = File.ReadLines(folder["run/log.jsonl"]).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        var steps = log.Where(l => l.GetProperty("kind").GetString() == "step").ToArray();
        var epochs = log.Where(l => l.GetProperty("kind").GetString() == "epoch").ToArray();
        Assert.Equal(Enumerable.Range(0, 36), steps.Select(s => s.GetProperty("step").GetInt32()));
        Assert.Equal([2, 2, 1], steps.Take(3).Select(s => s.GetProperty("clips").GetInt32()));
        Assert.Equal(12, epochs.Length);
        Assert.True(Mean(steps[..6]) > 1.3 * Mean(steps[^6..]), $"{Mean(steps[..6])} to {Mean(steps[^6..])}");
        Assert.All(steps, s => Assert.True(s.GetProperty("mfu").GetDouble() > 0));
        var best = epochs.MaxBy(e => e.GetProperty("jaccard").GetDouble() + e.GetProperty("f_measure").GetDouble());
        using var checkpoint = TrainingCheckpoint.Open(folder["run/best.safetensors"]);
        Assert.Equal(best.GetProperty("epoch").GetInt32(), checkpoint.Position.BestEpoch);
        Assert.Equal(checkpoint.Position.BestEpoch + 1, checkpoint.Position.Epoch);

        static double Mean(JsonElement[] steps) => steps.Average(s => s.GetProperty("loss").GetDouble());
    }

    /// <summary>Stopped after any step, and after every step: the files at the end are the same to the bit.</summary>
    [Fact]
    public void A_run_that_was_stopped_ends_as_one_that_was_not()
    {
        TinyRun.Go(data.Root, folder["whole"]);
        for (var step = 0; step < 12; step++)
        {
            using var stop = new CancellationTokenSource();
            var first = TinyRun.Go(data.Root, folder[$"{step}"], onStep: line => StopAfter(line, step, stop), cancellation: stop.Token);
            Assert.Equal((false, step + 1L), (first.Completed, first.Position.Step));
            Assert.True(TinyRun.Go(data.Root, folder[$"{step}"], resume: true).Completed);
            AssertSame("whole", $"{step}");
        }

        var outcome = Restless(folder["restless"]);
        while (!outcome.Completed) outcome = Restless(folder["restless"]);
        AssertSame("whole", "restless");

        TrainingOutcome Restless(string path)
        {
            using var stop = new CancellationTokenSource();
            return TinyRun.Go(data.Root, path, Directory.Exists(path), onStep: _ => stop.Cancel(), cancellation: stop.Token);
        }
    }

    [Fact]
    public void Ten_steps_after_a_reload_are_ten_steps()
    {
        var settings = TinyRun.Settings with { Accumulate = 1 };
        TinyRun.Go(data.Root, folder["whole"], settings: settings);
        using var stop = new CancellationTokenSource();
        TinyRun.Go(data.Root, folder["parts"], settings: settings, onStep: line => StopAfter(line, 9, stop), cancellation: stop.Token);
        TinyRun.Go(data.Root, folder["parts"], resume: true, settings: settings);
        AssertSame("whole", "parts");
        var losses = (string run) => File.ReadLines(folder[$"{run}/log.jsonl"]).Select(l => JsonDocument.Parse(l).RootElement)
            .Where(l => l.TryGetProperty("loss", out _)).Select(l => l.GetProperty("loss").GetDouble()).ToArray();
        Assert.Equal(20, losses("whole").Length);
        Assert.Equal(losses("whole"), losses("parts"));
    }

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        TinyRun.Go(data.Root, folder["one"], threads: 1);
        TinyRun.Go(data.Root, folder["three"], threads: 3);
        AssertSame("one", "three");
    }

    [Fact]
    public void The_seed_changes_everything()
    {
        TinyRun.Go(data.Root, folder["a"]);
        TinyRun.Go(data.Root, folder["b"], settings: TinyRun.Settings with { Seed = 43 });
        Assert.NotEqual(TinyRun.Last(folder["a"]), TinyRun.Last(folder["b"]));
    }

    [Fact]
    public void A_step_that_is_no_number_names_the_op_and_spoils_nothing()
    {
        var error = Assert.Throws<TrainingException>(() => TinyRun.Go(
            data.Root, folder["run"], saveEvery: 2, beforeClip: random => random is { Step: 4, Clip: 1 } ? float.NaN : 0));
        Assert.StartsWith("step 4 (", error.Message, StringComparison.Ordinal);
        Assert.Contains("first op to blame is Gemm of aural_fuser.smooth_convs.0: a result", error.Message, StringComparison.Ordinal);
        Assert.IsType<NonFiniteException>(error.InnerException);
        using (var checkpoint = TrainingCheckpoint.Open(folder["run/last.safetensors"])) Assert.Equal(4, checkpoint.Position.Step);

        // Had it not happened, the run would have gone on as any other.
        TinyRun.Go(data.Root, folder["whole"]);
        TinyRun.Go(data.Root, folder["run"], resume: true);
        AssertSame("whole", "run");
    }

    [Fact]
    public void A_gradient_that_is_no_number_does_not_hide_behind_a_loss_that_is()
    {
        using var device = new CpuDevice(1);
        using var learner = new TinyLearner(device);
        using var optimizer = new AdamWOptimizer(learner);
        var clip = new ClipLoader(16, ClipPurpose.Training).Load(ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train).InOrder()[0]);
        learner.Accumulate(clip, new StepRandomness(1, 0, 0), 1);
        Assert.True(double.IsFinite(optimizer.GradientNorm()));
        device.Upload([float.NaN], learner.Gradient(learner.Parameters[5]));
        Assert.True(double.IsNaN(optimizer.GradientNorm()));
    }

    [Fact]
    public void A_clip_that_cannot_be_read_is_named_and_what_was_learned_is_kept()
    {
        var seen = 0;
        using var stop = new CancellationTokenSource();
        var broken = Path.Combine(data.AvsClip("v1m", "t3"), "frames", "t3_2.png");
        var whole = File.ReadAllBytes(broken);
        File.WriteAllBytes(broken, whole[..20]);
        var error = Assert.Throws<AuralSam2.Media.MediaException>(() => TinyRun.Go(data.Root, folder["run"], onStep: _ => seen++));
        Assert.Contains(broken, error.Message, StringComparison.Ordinal);
        using (var checkpoint = TrainingCheckpoint.Open(folder["run/last.safetensors"])) Assert.Equal(seen, checkpoint.Position.Step);
        File.WriteAllBytes(broken, whole);
        TinyRun.Go(data.Root, folder["whole"]);
        TinyRun.Go(data.Root, folder["run"], resume: true);
        AssertSame("whole", "run");
    }

    [Fact]
    public void A_folder_with_a_run_is_not_overwritten_and_other_settings_are_named()
    {
        using var stop = new CancellationTokenSource();
        TinyRun.Go(data.Root, folder["run"], onStep: _ => stop.Cancel(), cancellation: stop.Token);
        var before = TinyRun.Last(folder["run"]);
        Fails(() => TinyRun.Go(data.Root, folder["run"]), "holds a run already", "--resume");
        Fails(() => TinyRun.Go(data.Root, folder["none"], resume: true), "holds no run");
        Fails(
            () => TinyRun.Go(data.Root, folder["run"], resume: true, settings: TinyRun.Settings with { Model = "t", Rate = 1e-3, ClipNorm = 2 }),
            "--model is t, the run has mini; --lr is 0.001, the run has 0.01; --clip-norm is 2, the run has none");
        data.Avs("v1m", "t9", "train").Write();
        Fails(() => TinyRun.Go(data.Root, folder["run"], resume: true), "learns from 5 clips, the dataset has 6");
        Assert.Equal(before, TinyRun.Last(folder["run"]));

        static void Fails(Action action, params string[] words)
        {
            var error = Assert.Throws<TrainingException>(action);
            foreach (var word in words) Assert.Contains(word, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_checkpoint_is_a_file_of_weights()
    {
        TinyRun.Go(data.Root, folder["run"]);
        using var weights = WeightSet.Open(folder["run/last.safetensors"]);
        Assert.Equal("AuralFuser (AVS) with VGGish", weights.Kind.Title);
        Assert.Equal(8, weights.Names.Count);
        Assert.DoesNotContain(weights.Names, name => name.StartsWith("optimizer.", StringComparison.Ordinal));
        Assert.Equal([24, 3, 1, 1], weights.ShapeOf("aural_fuser.smooth_convs.0.weight", []));
    }

    [Fact]
    public void Weights_without_a_gradient_stay_and_those_of_norms_do_not_decay()
    {
        using var device = new CpuDevice(1);
        using var learner = new TinyLearner(device);
        using var optimizer = new AdamWOptimizer(learner);
        var before = learner.Parameters.Select(p => device.Download(p.Value)).ToArray();
        learner.ZeroGradients(); // zeros are a gradient: decay acts
        optimizer.Step(0.1, weightDecay: 0.05, norm: 0, clipNorm: null);
        for (var i = 0; i < before.Length; i++)
        {
            var (parameter, factor) = (learner.Parameters[i], 1f);
            if (parameter.Decays && learner.HasGradient(parameter)) factor = (float)(1 - (0.1 * parameter.RateFactor * 0.05));
            Assert.Equal(before[i].Select(v => v * factor), device.Download(parameter.Value));
        }

        Assert.Equal([0.1, 0.1], learner.Parameters.Skip(4).Take(2).Select(p => p.RateFactor));
        Assert.Equal([1L, 1, 1, 1, 1, 1, 0], optimizer.States.Select(s => s.Steps));
    }

    [Fact]
    public void Long_gradients_are_shortened_together()
    {
        using var device = new CpuDevice(1);
        using var learner = new TinyLearner(device, dropout: 0);
        using var optimizer = new AdamWOptimizer(learner);
        foreach (var request in ClipDataset.Open(data.Root, DatasetKind.V1m, Split.Train).InOrder().Take(2))
            learner.Accumulate(new ClipLoader(16, ClipPurpose.Training).Load(request), new StepRandomness(1, 0, 0), 0.5);
        var norm = optimizer.GradientNorm();
        var squares = learner.Parameters.Where(learner.HasGradient).Sum(p => device.Download(learner.Gradient(p)).Sum(g => (double)g * g));
        Assert.Equal(Math.Sqrt(squares), norm, 1e-12 * norm);
        optimizer.Step(0.1, 0, norm, clipNorm: norm / 4);
        // After the first step the running means are a tenth of the gradients.
        var means = Math.Sqrt(optimizer.States.Sum(s => device.Download(s.Mean).Sum(m => (double)m * m)));
        Assert.Equal(norm / 40, means, 1e-4 * norm);
    }

    [Fact]
    public void Two_processes_do_not_train_in_one_folder()
    {
        if (OperatingSystem.IsMacOS()) Assert.Skip("locks differ");
        TrainingException? refused = null;
        TinyRun.Go(data.Root, folder["run"], onStep: line =>
        {
            if (line.Step == 1) refused = Assert.Throws<TrainingException>(() => TinyRun.Go(data.Root, folder["run"], resume: true));
        });
        Assert.Contains("does another process train there", refused!.Message, StringComparison.Ordinal);
        TinyRun.Go(data.Root, folder["whole"]);
        AssertSame("whole", "run");
    }

    private static void StopAfter(StepLine line, int step, CancellationTokenSource stop)
    {
        if (line.Step == step) stop.Cancel();
    }

    private void AssertSame(string a, string b)
    {
        foreach (var file in (string[])["last.safetensors", "best.safetensors"])
        {
            var (first, second) = (File.ReadAllBytes(folder[$"{a}/{file}"]), File.ReadAllBytes(folder[$"{b}/{file}"]));
            Assert.True(first.AsSpan().SequenceEqual(second), $"{file} of {a} and {b}");
        }
    }

    private string[] Names(string run) =>
        [.. Directory.EnumerateFileSystemEntries(folder[run]).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal)];
}
