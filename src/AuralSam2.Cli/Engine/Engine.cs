using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

// TODO when merging: this file is the seam; each member is one call into the floor below.

/// <summary>The real engine behind the command.</summary>
internal sealed class Engine : IEngine
{
    /// <summary>Errors of the lower floors whose message is already the one line a person needs.</summary>
    public static bool NamesItsFix(Exception error) => error is MediaException; // TODO or WeightsException

    public IFrameSource OpenFrames(string folder, double framesPerSecond) => throw Missing(); // new FrameFolder(folder, framesPerSecond)

    public IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation) => throw Missing(); // VideoFile.Open

    public Waveform ReadSound(string file) => throw Missing(); // SoundReader.Read(file)

    public Waveform ReadVideoSound(string file) => throw Missing(); // VideoFile.ReadSound(file)

    public LogMel Spectrogram(Waveform sound) => throw Missing(); // AudioExamples.Spectrogram(sound)

    public void WriteGray(string path, int width, int height, byte[] pixels) => throw Missing(); // PngWriter.WriteGray

    public void WriteRgb(string path, RgbImage image) => throw Missing(); // PngWriter.WriteRgb

    public IWeightSource OpenWeights(IReadOnlyList<string> files) => throw Missing(); // SafetensorsFile.Open, CompositeWeights

    public IWeightSource RuleWeights(string seed) => throw Missing(); // new RuleWeights(seed)

    public ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress) =>
        throw Missing(); // new EngineSegmenter(AuralSam2Model.Load(device, model, weights, progress))

    public FixtureReport Verify(string file, Device device, CancellationToken cancellation) => throw Missing();

    public PeakRates MeasurePeak(int threads) => throw Missing(); // new(CpuPeak.FmaGflops(threads), CpuPeak.MemoryBandwidth(threads))

    private static MediaException Missing() => new("this build has no engine");
}
