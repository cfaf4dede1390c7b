using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Training;
using AuralSam2.Verification;
using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>All that the command asks of the floors below; tests put their own in its place.</summary>
internal interface IEngine
{
    /// <summary>Everything that can compute here, usable or not.</summary>
    IReadOnlyList<DeviceListing> Devices();

    /// <summary>Opens a device; see <see cref="DeviceCatalog.Open(string, int, out string)"/>.</summary>
    Device OpenDevice(string choice, int threads, out string? note);

    /// <summary>A folder of pictures as a clip.</summary>
    IFrameSource OpenFrames(string folder, double framesPerSecond);

    /// <summary>A video file as a clip, sampled at <paramref name="framesPerSecond"/>.</summary>
    IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation);

    /// <summary>Reads a sound file.</summary>
    Waveform ReadSound(string file, CancellationToken cancellation);

    /// <summary>Reads the sound of a video file.</summary>
    Waveform ReadVideoSound(string file, CancellationToken cancellation);

    /// <summary>The log-mel spectrogram that the model hears.</summary>
    LogMel Spectrogram(Device device, Waveform sound);

    /// <summary>Writes an 8-bit grey PNG, <c>[height, width]</c>.</summary>
    void WriteGray(string path, int width, int height, byte[] pixels);

    /// <summary>Writes an RGB PNG.</summary>
    void WriteRgb(string path, RgbImage image);

    /// <summary>Writes a PNG of object numbers with DAVIS' palette, <c>[height, width]</c>.</summary>
    void WriteIndexed(string path, int width, int height, byte[] numbers);

    /// <summary>Begins a video; null where there is no ffmpeg.</summary>
    VideoWriter? BeginVideo(string path, int width, int height, double framesPerSecond);

    /// <summary>Trained weights of SAM2, out of files that may hold more.</summary>
    ModelWeights OpenSam2Weights(IReadOnlyList<string> files);

    /// <summary>Trained weights of a whole model, out of files of any supported format in any order.</summary>
    ModelWeights OpenWeights(IReadOnlyList<string> files);

    /// <summary>Untrained weights that a rule makes from names and a seed.</summary>
    ModelWeights RuleWeights(string seed);

    /// <summary>A file of weights, to be looked at.</summary>
    WeightFile OpenWeightFile(string file);

    /// <summary>Files of weights as one source, whatever parts of a model they are.</summary>
    WeightSet OpenWeightSet(IReadOnlyList<string> files);

    /// <summary>Writes a safetensors file; see <see cref="SafetensorsWriter.Write"/>.</summary>
    void WriteWeights(
        string path, IReadOnlyDictionary<string, string> metadata, IEnumerable<SafetensorsTensor> tensors, IProgress<double> progress,
        CancellationToken cancellation);

    /// <summary>Builds a model (t, s, b+, l, mini) on a device.</summary>
    ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress);

    /// <summary>Makes what is trained; see <see cref="LearnerFactory.Open"/>.</summary>
    ILearner OpenLearner(Device device, IWeightSource weights, TrainingSettings settings);

    /// <summary>Builds a model that follows what it is shown, and hears if it is to.</summary>
    ITracker LoadTracker(Device device, string model, IWeightSource weights, bool hears, VideoOptions options, IProgress<double> progress);

    /// <summary>Runs one fixture and compares every stage.</summary>
    FixtureReport Verify(string file, Device device, CancellationToken cancellation);

    /// <summary>Runs a fixture of kind training, interrupts it, and compares how it goes on.</summary>
    FixtureReport VerifyTraining(string file, Device device, CancellationToken cancellation);

    /// <summary>Measures what the processor can do at most, while a person waits.</summary>
    PeakRates MeasurePeak(int threads);

    /// <summary>Measures what a device can do at most.</summary>
    Roofline MeasureRoofline(Device device);
}

/// <summary>A loaded model that segments clips.</summary>
internal interface ISegmenter : IDisposable
{
    /// <summary>Full name of the model.</summary>
    string ModelName { get; }

    /// <summary>Side of the square, in pixels, that the model sees.</summary>
    int ImageSize { get; }

    /// <summary>Segments a clip; answers come in the order of the frames, each as soon as it is known.</summary>
    IEnumerable<SegmentedFrame> Segment(
        IFrameSource frames, Waveform sound, SegmentOptions options, IProgress<SegmentProgress> progress, CancellationToken cancellation);
}

/// <summary>A loaded model that follows objects.</summary>
internal interface ITracker : IDisposable
{
    /// <summary>Full name of the model.</summary>
    string ModelName { get; }

    /// <summary>Side of the square, in pixels, that the model sees.</summary>
    int ImageSize { get; }

    /// <summary>Opens a clip, with its sound or without.</summary>
    VideoSession Open(IFrameSource frames, Waveform? sound);
}

/// <summary>A log-mel spectrogram.</summary>
/// <param name="Values"><c>[frames, 64]</c>: natural logarithm of mel magnitudes, 10 ms between frames, lowest band first.</param>
/// <param name="Frames">Number of frames.</param>
internal sealed record LogMel(float[] Values, int Frames);

/// <summary>Measured upper limits of a device.</summary>
/// <param name="Gflops">Fused multiply-adds on registers, two operations each.</param>
/// <param name="GigabytesPerSecond">Reading memory.</param>
internal sealed record PeakRates(double Gflops, double GigabytesPerSecond);
