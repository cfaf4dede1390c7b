using AuralSam2.Data;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models.Audio;
using AuralSam2.Models.Fusion;
using AuralSam2.Predictors;
using AuralSam2.Training;
using AuralSam2.Verification;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>The real engine behind the command.</summary>
internal sealed class Engine : IEngine
{
    private readonly DeviceCatalog catalog = new();

    /// <summary>Errors of the lower floors whose message is already the one line a person needs.</summary>
    public static bool NamesItsFix(Exception error) => error is MediaException or WeightsException or DatasetException or TrainingException;

    public IReadOnlyList<DeviceListing> Devices() => catalog.List();

    public Device OpenDevice(string choice, int threads, out string? note) => catalog.Open(choice, threads, out note);

    public IFrameSource OpenFrames(string folder, double framesPerSecond) => new FrameFolder(folder, framesPerSecond);

    public IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation) =>
        VideoFile.Open(file, framesPerSecond, cancellation);

    public Waveform ReadSound(string file, CancellationToken cancellation) => SoundReader.Read(file, cancellation);

    public Waveform ReadVideoSound(string file, CancellationToken cancellation) => VideoFile.ReadSound(file, cancellation);

    public LogMel Spectrogram(Device device, Waveform sound)
    {
        var (values, frames) = new AudioExamples(device, sound).Spectrogram();
        return new LogMel(values, frames);
    }

    public void WriteGray(string path, int width, int height, byte[] pixels) => PngWriter.WriteGray(path, width, height, pixels);

    public void WriteRgb(string path, RgbImage image) => PngWriter.WriteRgb(path, image);

    public void WriteIndexed(string path, int width, int height, byte[] numbers) =>
        PngWriter.WriteIndexed(path, width, height, numbers, ObjectPalette.Colors);

    public VideoWriter? BeginVideo(string path, int width, int height, double framesPerSecond) =>
        VideoWriter.TryBegin(path, width, height, framesPerSecond);

    public ModelWeights OpenSam2Weights(IReadOnlyList<string> files)
    {
        var weights = OpenWeightSet(files);
        if (weights.Kind is { Model: { } model } && weights.Kind.Parts.HasFlag(WeightParts.Sam2))
            return new ModelWeights(weights, model, [.. weights.Contributions.Select(ModelWeights.File.Of)]);
        var (description, kind) = (weights.Description, weights.Kind);
        weights.Dispose();
        throw new WeightsException($"{description}: {kind.Title} holds no SAM2 that is known; give its file (such as sam2.1_hiera_tiny.pt) as well");
    }

    public ModelWeights OpenWeights(IReadOnlyList<string> files)
    {
        var weights = OpenWeightSet(files);
        try
        {
            weights.EnsureModel();
            if (weights.Kind.Variant == FuserVariant.Ref)
                throw new WeightsException(
                    $"{weights.Description}: these are Ref-AVS weights, which need a sentence beside the sound; this version takes none: pass AVS weights");
            return new ModelWeights(weights, weights.Kind.Model, [.. weights.Contributions.Select(ModelWeights.File.Of)]);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    public ModelWeights RuleWeights(string seed) => new(new RuleWeights(seed), null, []);

    public WeightFile OpenWeightFile(string file) => WeightFile.Open(file);

    public WeightSet OpenWeightSet(IReadOnlyList<string> files) => WeightSet.Open(files);

    public void WriteWeights(
        string path, IReadOnlyDictionary<string, string> metadata, IEnumerable<SafetensorsTensor> tensors, IProgress<double> progress,
        CancellationToken cancellation) => SafetensorsWriter.Write(path, metadata, tensors, progress, cancellation);

    public ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress) =>
        new EngineSegmenter(AuralSam2Model.Load(device, model, weights, progress));

    public ILearner OpenLearner(Device device, IWeightSource weights, TrainingSettings settings) =>
        LearnerFactory.Open(device, weights, settings);

    public ITracker LoadTracker(
        Device device, string model, IWeightSource weights, bool hears, VideoOptions options, IProgress<double> progress) => hears
        ? new HearingTracker(AuralSam2Model.Load(device, model, weights, progress), options)
        : new SeeingTracker(Sam2Model.Load(device, model, weights, progress), options);

    public FixtureReport Verify(string file, Device device, CancellationToken cancellation) => FixtureVerifier.Verify(device, file, cancellation);

    public FixtureReport VerifyTraining(string file, Device device, CancellationToken cancellation) =>
        FixtureVerifier.VerifyTraining(device, file, cancellation);

    public PeakRates MeasurePeak(int threads)
    {
        var (gflops, reads) = CpuPeak.Glance(threads);
        return new PeakRates(gflops, reads);
    }

    public Roofline MeasureRoofline(Device device) => Roofline.Measure(device);

    private static string Sam2(Models.Sam2.Sam2Version version, string name) => $"SAM2{(version == Models.Sam2.Sam2Version.V21 ? ".1" : "")} {name}";

    private sealed class SeeingTracker(Sam2Model model, VideoOptions options) : ITracker
    {
        private readonly VideoPredictor predictor = new(model, options);

        public string ModelName => Sam2(model.Version, model.Name);

        public int ImageSize => model.ImageSize;

        public VideoSession Open(IFrameSource frames, Waveform? sound) => predictor.Open(frames, sound);

        public void Dispose() => model.Dispose();
    }

    private sealed class HearingTracker(AuralSam2Model model, VideoOptions options) : ITracker
    {
        private readonly VideoPredictor predictor = new(model, options);

        public string ModelName => $"{Sam2(model.Version, model.Name)} + AuralFuser";

        public int ImageSize => model.ImageSize;

        public VideoSession Open(IFrameSource frames, Waveform? sound) => predictor.Open(frames, sound);

        public void Dispose() => model.Dispose();
    }

    /// <summary>A loaded model and its predictor.</summary>
    private sealed class EngineSegmenter(AuralSam2Model model) : ISegmenter
    {
        private readonly AudioVisualPredictor predictor = new(model);

        public string ModelName => $"{Sam2(model.Version, model.Name)} + AuralFuser";

        public int ImageSize => model.ImageSize;

        public IEnumerable<SegmentedFrame> Segment(
            IFrameSource frames, Waveform sound, SegmentOptions options, IProgress<SegmentProgress> progress, CancellationToken cancellation) =>
            predictor.Segment(frames, sound, options, progress, cancellation);

        public void Dispose() => model.Dispose();
    }
}
