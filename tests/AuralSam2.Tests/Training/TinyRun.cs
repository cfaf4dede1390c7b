using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Tests.Data;
using AuralSam2.Training;

namespace AuralSam2.Tests.Training;

/// <summary>A run of <see cref="TinyLearner"/> on a generated dataset of five clips for training and two for validation.</summary>
internal static class TinyRun
{
    public const int Clips = 5;

    public static TrainingSettings Settings { get; } = new()
    {
        Model = "mini",
        Dataset = "v1m",
        Epochs = 4,
        Rate = 0.01,
        Accumulate = 2,
        ImageSize = 16,
        Seed = 42,
    };

    public static void MakeData(DatasetFolder data)
    {
        for (var i = 0; i < Clips; i++) data.Avs("v1m", $"t{i}", "train");
        data.Avs("v1m", "v0", "val").Avs("v1m", "v1", "val").Write();
    }

    /// <summary>Begins or resumes in a folder.</summary>
    public static TrainingOutcome Go(
        string data, string folder, bool resume = false, TrainingSettings? settings = null, Action<StepLine>? onStep = null,
        CancellationToken cancellation = default, Func<StepRandomness, float>? beforeClip = null, int saveEvery = 50, int threads = 2)
    {
        settings ??= Settings;
        using var device = new CpuDevice(threads);
        using var learner = new TinyLearner(device, settings.Dropout) { BeforeClip = beforeClip ?? (_ => 0) };
        using var trainer = new Trainer(
            learner, settings, new TrainingPace(SaveEvery: saveEvery, PeakGflops: 100), ClipDataset.Open(data, DatasetKind.V1m, Split.Train),
            ClipDataset.Open(data, DatasetKind.V1m, Split.Validation), TrainingFolder.Open(folder, resume));
        return trainer.Run(new Watcher(onStep), cancellation);
    }

    public static byte[] Last(string folder) => File.ReadAllBytes(Path.Combine(folder, "last.safetensors"));

    private sealed class Watcher(Action<StepLine>? onStep) : ITrainingWatcher
    {
        public void OnStep(StepLine line, TrainingOutlook outlook) => onStep?.Invoke(line);

        public void OnValidation(int epoch, int done, int total)
        {
        }

        public void OnEpoch(EpochLine line, IReadOnlyList<LogLine> log)
        {
        }
    }
}
