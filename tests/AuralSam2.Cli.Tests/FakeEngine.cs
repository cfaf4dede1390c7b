using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Tests.Training;
using AuralSam2.Training;
using AuralSam2.Verification;
using AuralSam2.Weights;
using SkiaSharp;

namespace AuralSam2.Cli.Tests;

/// <summary>Stands in for the engine: reads real frames and sound, and answers with a disc that wanders to the right.</summary>
internal sealed class FakeEngine : IEngine
{
    /// <summary>Called before each answer.</summary>
    public Action<int> BeforeFrame { get; init; } = _ => { };

    /// <summary>Called after each tensor that <see cref="WriteWeights"/> writes.</summary>
    public Action<int> AfterTensorWritten { get; init; } = _ => { };

    /// <summary>Called before each clip that is learned from; what it answers becomes part of the input.</summary>
    public Func<StepRandomness, float> BeforeClip { get; init; } = _ => 0;

    /// <summary>Reports by file name for <see cref="Verify"/>.</summary>
    public Dictionary<string, FixtureReport> Fixtures { get; } = [];

    /// <summary>What <see cref="Devices"/> lists.</summary>
    public IReadOnlyList<DeviceListing> Listings { get; init; } =
    [
        new("cpu", DeviceKind.Cpu, "AVX-512, 64 threads", 64L << 30, null),
        new("cuda:0", DeviceKind.Cuda, "NVIDIA [H200]", 150L << 30, null),
        new("cuda:1", DeviceKind.Cuda, "NVIDIA GeForce GT 1030", 2L << 30, "compute capability 6.1"),
        new("opencl", DeviceKind.OpenCl, "OpenCL device", null, "no OpenCL loader"),
        new("emulator", DeviceKind.Emulator, "GPU kernels on the processor", null, null),
    ];

    /// <summary>What <see cref="OpenDevice"/> says about a choice.</summary>
    public Dictionary<string, string> Notes { get; } = [];

    /// <summary>What <see cref="OpenDevice"/> throws for a choice.</summary>
    public Dictionary<string, Exception> Broken { get; } = [];

    /// <summary>Choices that were opened.</summary>
    public List<string> Opened { get; } = [];

    /// <summary>The model that files of weights are of.</summary>
    public string WeightsAreOf { get; init; } = "b+";

    /// <summary>Models loaded so far.</summary>
    public int Loads { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<DeviceListing> Devices() => Listings;

    /// <summary>The emulator for itself, and the processor for everything else.</summary>
    public Device OpenDevice(string choice, int threads, out string? note)
    {
        if (Broken.TryGetValue(choice, out var error)) throw error;
        Opened.Add(choice);
        note = Notes.GetValueOrDefault(choice);
        return choice == "emulator" ? new EmulatorDevice() : new CpuDevice(threads);
    }

    /// <inheritdoc/>
    public IFrameSource OpenFrames(string folder, double framesPerSecond) => new Folder(folder, framesPerSecond);

    /// <inheritdoc/>
    public IFrameSource OpenVideo(string file, double framesPerSecond, CancellationToken cancellation) =>
        throw new MediaException($"{file}: no ffmpeg here; install it, or give --frames and --audio");

    /// <inheritdoc/>
    public Waveform ReadSound(string file, CancellationToken cancellation)
    {
        var bytes = File.ReadAllBytes(file);
        if (bytes.Length < 44) throw new MediaException($"{file}: cut off after {bytes.Length} bytes;\nexport it again");
        var channels = BitConverter.ToInt16(bytes, 22);
        var samples = new float[(bytes.Length - 44) / 2 / channels];
        for (var i = 0; i < samples.Length; i++) samples[i] = BitConverter.ToInt16(bytes, 44 + 2 * channels * i) / 32768f;
        return new Waveform(BitConverter.ToInt32(bytes, 24), [samples]);
    }

    /// <inheritdoc/>
    public Waveform ReadVideoSound(string file, CancellationToken cancellation) => throw new MediaException($"{file}: has no sound; give one with --audio");

    /// <inheritdoc/>
    public LogMel Spectrogram(Device device, Waveform sound)
    {
        const int bands = 64, window = 400, hop = 160;
        var frames = Math.Max(0, (sound.Length - window) / hop + 1);
        var values = new float[frames * bands];
        for (var i = 0; i < values.Length; i++) values[i] = sound.Channels[0][i / bands * hop] * (bands - i % bands);
        return new LogMel(values, frames);
    }

    /// <inheritdoc/>
    public void WriteGray(string path, int width, int height, byte[] pixels)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Gray8, SKAlphaType.Opaque);
        pixels.CopyTo(bitmap.GetPixelSpan());
        Save(bitmap, path);
    }

    /// <inheritdoc/>
    public void WriteRgb(string path, RgbImage image)
    {
        using var bitmap = new SKBitmap(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var i = 0; i < image.Width * image.Height; i++)
        {
            image.Pixels.AsSpan(i * 3, 3).CopyTo(bitmap.GetPixelSpan()[(i * 4)..]);
            bitmap.GetPixelSpan()[i * 4 + 3] = 255;
        }

        Save(bitmap, path);
    }

    /// <inheritdoc/>
    public void WriteIndexed(string path, int width, int height, byte[] numbers) =>
        PngWriter.WriteIndexed(path, width, height, numbers, ObjectPalette.Colors);

    /// <inheritdoc/>
    public VideoWriter? BeginVideo(string path, int width, int height, double framesPerSecond) => null;

    /// <inheritdoc/>
    public ModelWeights OpenSam2Weights(IReadOnlyList<string> files) => OpenWeights(files);

    /// <inheritdoc/>
    public ITracker LoadTracker(
        Device device, string model, IWeightSource weights, bool hears, VideoOptions options, IProgress<double> progress) =>
        throw new NotSupportedException("this engine only segments");

    /// <inheritdoc/>
    public ModelWeights OpenWeights(IReadOnlyList<string> files) => new(
        new NoWeights(string.Join(" + ", files)), WeightsAreOf, [.. files.Select(f => new ModelWeights.File(f, "safetensors", "everything", 3, 12_345_678))]);

    /// <inheritdoc/>
    public ModelWeights RuleWeights(string seed) => new(new NoWeights($"rule (seed \"{seed}\")"), null, []);

    /// <inheritdoc/>
    public WeightFile OpenWeightFile(string file) => WeightFile.Open(file);

    /// <inheritdoc/>
    public WeightSet OpenWeightSet(IReadOnlyList<string> files) => WeightSet.Open(files);

    /// <inheritdoc/>
    public void WriteWeights(
        string path, IReadOnlyDictionary<string, string> metadata, IEnumerable<SafetensorsTensor> tensors, IProgress<double> progress,
        CancellationToken cancellation)
    {
        var written = 0;
        SafetensorsWriter.Write(path, metadata, tensors, new AfterTensor(share =>
        {
            progress.Report(share);
            AfterTensorWritten(written++);
        }), cancellation);
    }

    /// <inheritdoc/>
    public ISegmenter Load(Device device, string model, IWeightSource weights, IProgress<double> progress)
    {
        Loads++;
        progress.Report(1);
        return new Disc(model, BeforeFrame);
    }

    /// <inheritdoc/>
    public ILearner OpenLearner(Device device, IWeightSource weights, TrainingSettings settings) =>
        new TinyLearner(device, settings.Dropout) { BeforeClip = BeforeClip };

    /// <inheritdoc/>
    public FixtureReport Verify(string file, Device device, CancellationToken cancellation) =>
        Fixtures.GetValueOrDefault(Path.GetFileName(file)) ?? throw new MediaException($"{file}: no fixture; give a safetensors file");

    /// <inheritdoc/>
    public FixtureReport VerifyTraining(string file, Device device, CancellationToken cancellation) => Verify(file, device, cancellation);

    /// <inheritdoc/>
    public PeakRates MeasurePeak(int threads) => new(123.4, 12.3);

    public Roofline MeasureRoofline(Device device) => new(123.4, 12.3);

    private static void Save(SKBitmap bitmap, string path)
    {
        using var file = File.Create(path);
        bitmap.Encode(file, SKEncodedImageFormat.Png, 100);
    }

    private sealed class Disc(string model, Action<int> beforeFrame) : ISegmenter
    {
        public string ModelName => $"AuralSAM2 {model}";

        public int ImageSize => 1024;

        public IEnumerable<SegmentedFrame> Segment(
            IFrameSource frames, Waveform sound, SegmentOptions options, IProgress<SegmentProgress> progress, CancellationToken cancellation)
        {
            for (var i = 0; i < frames.Count; i++)
            {
                progress.Report(new SegmentProgress("encoding images", i, frames.Count));
                frames.Read(i);
                beforeFrame(i);
                cancellation.ThrowIfCancellationRequested();
                yield return new SegmentedFrame(
                    i, i / frames.FramesPerSecond, Mask(frames.Width, frames.Height, i), 0.91f - 0.07f * i, i % 5 == 3 ? -1.7f : 4.2f - i);
            }
        }

        public void Dispose()
        {
        }

        private static byte[] Mask(int width, int height, int index)
        {
            var mask = new byte[width * height];
            var (cx, cy, radius) = (width * (0.3 + 0.08 * (index % 6)), height * 0.5, height * 0.24);
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++)
                {
                    var wobble = radius * (1 + 0.12 * Math.Sin(5 * Math.Atan2(y - cy, x - cx)));
                    if (Math.Sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy)) < wobble) mask[y * width + x] = 255;
                }

            return mask;
        }
    }

    private sealed class Folder : IFrameSource
    {
        private readonly string[] files;

        public Folder(string folder, double framesPerSecond)
        {
            files = [.. Directory.GetFiles(folder, "*.png").Order(StringComparer.Ordinal)];
            if (files.Length == 0) throw new MediaException($"{folder}: no pictures in this folder; put PNG or JPEG frames there");
            Description = folder;
            FramesPerSecond = framesPerSecond;
            using var first = SKBitmap.Decode(files[0]) ?? throw new MediaException($"{files[0]}: not an image; remove it");
            (Width, Height) = (first.Width, first.Height);
        }

        public string Description { get; }

        public int Count => files.Length;

        public int Width { get; }

        public int Height { get; }

        public double FramesPerSecond { get; }

        public RgbImage Read(int index)
        {
            using var bitmap = SKBitmap.Decode(files[index]) ?? throw new MediaException($"{files[index]}: not an image; remove it");
            var pixels = new byte[Width * Height * 3];
            for (var i = 0; i < Width * Height; i++)
            {
                var color = bitmap.GetPixel(i % Width, i / Width);
                (pixels[i * 3], pixels[i * 3 + 1], pixels[i * 3 + 2]) = (color.Red, color.Green, color.Blue);
            }

            return new RgbImage(Width, Height, pixels);
        }

        public void Dispose()
        {
        }
    }

    private sealed class AfterTensor(Action<double> tell) : IProgress<double>
    {
        public void Report(double value) => tell(value);
    }

    private sealed class NoWeights(string description) : IWeightSource
    {
        public string Description => description;

        public IReadOnlyCollection<string> Names => [];

        public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => expected;

        public void Read(string name, IReadOnlyList<int> shape, Span<float> destination) => destination.Clear();

        public void Dispose()
        {
        }
    }
}
