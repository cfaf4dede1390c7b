using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Training;
using AuralSam2.Verification;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>An engine whose device is watched: every op is counted, and the device's limits are measured in the same run.</summary>
internal sealed class ProfilingEngine(IEngine engine) : IEngine
{
    private (string Choice, int Threads) opened;

    /// <summary>What watches the device.</summary>
    public OpProfile Profile { get; } = new();

    /// <summary>Its modules and ops on a time line.</summary>
    public ChromeTrace Trace { get; } = new("aural", deviceTime: true);

    /// <summary>Name of the device; null when none was opened.</summary>
    public string? DeviceName { get; private set; }

    /// <summary>
    /// What it can do at the most: the better of two measurements, since a neighbour on the machine can only slow one down.
    /// </summary>
    public Roofline Limits { get; private set; }

    /// <summary>Seconds that measuring took before the verb's own work; they are not the verb's.</summary>
    public double MeasuringSeconds { get; private set; }

    public Device OpenDevice(string choice, int threads, out string? note)
    {
        var device = engine.OpenDevice(choice, threads, out note);
        try
        {
            var start = Stopwatch.GetTimestamp();
            Limits = engine.MeasureRoofline(device);
            MeasuringSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            DeviceName = device.Name;
            opened = (choice, threads);
            device.Attach(Profile);
            device.Attach(Trace);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Measures the limits once more, after the verb has closed its device.</summary>
    public void MeasureAgain()
    {
        using var device = engine.OpenDevice(opened.Choice, opened.Threads, out _);
        var again = engine.MeasureRoofline(device);
        Limits = new Roofline(Math.Max(Limits.Gflops, again.Gflops), Math.Max(Limits.GigabytesPerSecond, again.GigabytesPerSecond));
    }

    public ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress)
    {
        using var module = device.Module("load");
        return engine.Load(device, model, weights, progress);
    }

    public ITracker LoadTracker(
        Device device, string model, IWeightSource weights, bool hears, VideoOptions options, IProgress<double> progress)
    {
        using var module = device.Module("load");
        return engine.LoadTracker(device, model, weights, hears, options, progress);
    }

    public LogMel Spectrogram(Device device, Waveform sound)
    {
        using var module = device.Module("overview");
        return engine.Spectrogram(device, sound);
    }

    public IReadOnlyList<DeviceListing> Devices() => engine.Devices();

    public IFrameSource OpenFrames(string folder, double framesPerSecond) => engine.OpenFrames(folder, framesPerSecond);

    public IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation) =>
        engine.OpenVideo(file, framesPerSecond, cancellation);

    public Waveform ReadSound(string file, CancellationToken cancellation) => engine.ReadSound(file, cancellation);

    public Waveform ReadVideoSound(string file, CancellationToken cancellation) => engine.ReadVideoSound(file, cancellation);

    public void WriteGray(string path, int width, int height, byte[] pixels) => engine.WriteGray(path, width, height, pixels);

    public void WriteRgb(string path, RgbImage image) => engine.WriteRgb(path, image);

    public void WriteIndexed(string path, int width, int height, byte[] numbers) => engine.WriteIndexed(path, width, height, numbers);

    public VideoWriter? BeginVideo(string path, int width, int height, double framesPerSecond) =>
        engine.BeginVideo(path, width, height, framesPerSecond);

    public ModelWeights OpenSam2Weights(IReadOnlyList<string> files) => engine.OpenSam2Weights(files);

    public ModelWeights OpenWeights(IReadOnlyList<string> files) => engine.OpenWeights(files);

    public ModelWeights RuleWeights(string seed) => engine.RuleWeights(seed);

    public WeightFile OpenWeightFile(string file) => engine.OpenWeightFile(file);

    public WeightSet OpenWeightSet(IReadOnlyList<string> files) => engine.OpenWeightSet(files);

    public void WriteWeights(
        string path, IReadOnlyDictionary<string, string> metadata, IEnumerable<SafetensorsTensor> tensors, IProgress<double> progress,
        CancellationToken cancellation) => engine.WriteWeights(path, metadata, tensors, progress, cancellation);

    public ILearner OpenLearner(Device device, IWeightSource weights, TrainingSettings settings) =>
        engine.OpenLearner(device, weights, settings);

    public FixtureReport Verify(string file, Device device, CancellationToken cancellation) => engine.Verify(file, device, cancellation);

    public FixtureReport VerifyTraining(string file, Device device, CancellationToken cancellation) =>
        engine.VerifyTraining(file, device, cancellation);

    public PeakRates MeasurePeak(int threads) => engine.MeasurePeak(threads);

    public Roofline MeasureRoofline(Device device) => engine.MeasureRoofline(device);
}
