using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

// TODO when merging: this file is the seam. Each member becomes the call in its comment; Missing() goes.

/// <summary>The real engine behind the command.</summary>
internal sealed class Engine : IEngine
{
    /// <summary>Errors of the lower floors whose message is already the one line a person needs.</summary>
    public static bool NamesItsFix(Exception error) => error is MediaException; // or WeightsException

    public IFrameSource OpenFrames(string folder, double framesPerSecond) =>
        throw Missing(); // new FrameFolder(folder, framesPerSecond)

    public IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation) =>
        throw Missing(); // VideoFile.Open(file, framesPerSecond, cancellation)

    public Waveform ReadSound(string file, CancellationToken cancellation) =>
        throw Missing(); // SoundReader.Read(file, cancellation)

    public Waveform ReadVideoSound(string file, CancellationToken cancellation) =>
        throw Missing(); // VideoFile.ReadSound(file, cancellation)

    public LogMel Spectrogram(Waveform sound) =>
        throw Missing(); // AudioExamples.Spectrogram(sound) is { } mel ? new LogMel(mel.values, mel.frames)

    public void WriteGray(string path, int width, int height, byte[] pixels) =>
        throw Missing(); // PngWriter.WriteGray(path, width, height, pixels)

    public void WriteRgb(string path, RgbImage image) =>
        throw Missing(); // PngWriter.WriteRgb(path, image)

    public IWeightSource OpenWeights(IReadOnlyList<string> files) =>
        throw Missing(); // files.Count == 1 ? SafetensorsFile.Open(files[0]) : new CompositeWeights([.. files.Select(SafetensorsFile.Open)])

    public IWeightSource RuleWeights(string seed) =>
        throw Missing(); // new RuleWeights(seed)

    public ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress) =>
        throw Missing(); // new EngineSegmenter(AuralSam2Model.Load(device, model, weights, progress)): Name, ImageSize, predictor.Segment, Dispose

    public FixtureReport Verify(string file, Device device, CancellationToken cancellation) =>
        throw Missing(); // stages in order; NotSupported with a Reason for other kinds; errors may be thrown: they make the file Unreadable

    public PeakRates MeasurePeak(int threads) =>
        throw Missing(); // new PeakRates(CpuPeak.FmaGflops(threads), CpuPeak.MemoryBandwidth(threads).ReadGBs)

    private static MediaException Missing() => new("this build has no engine");
}
