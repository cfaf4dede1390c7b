namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The front end of VGGish: log-mel spectrogram of sound at 16 kHz (SPEC 8; Hershey et al. 2017, "CNN architectures for large-scale
/// audio classification", section 3.1). Float64 inside, rounded to float32 once at the end.
/// </summary>
public static class LogMel
{
    /// <summary>Samples per second of the sound.</summary>
    public const int SampleRate = 16000;

    /// <summary>Samples under one window: 25 ms.</summary>
    public const int FrameLength = 400;

    /// <summary>Samples from one window to the next: 10 ms.</summary>
    public const int HopLength = 160;

    /// <summary>Samples of one transform; a window is followed by zeros up to it.</summary>
    public const int FftLength = 512;

    /// <summary>Frequencies of a transform, from 0 Hz to 8 kHz.</summary>
    public const int Bins = FftLength / 2 + 1;

    /// <summary>Mel bands.</summary>
    public const int Bands = 64;

    /// <summary>Mel frames of one example, the input of VGGish: 0.96 s from first to last hop.</summary>
    public const int ExampleFrames = 96;

    /// <summary>Samples that make exactly one example.</summary>
    public const int ExampleLength = (ExampleFrames - 1) * HopLength + FrameLength;

    private const double LowestHertz = 125;
    private const double HighestHertz = 7500;

    /// <summary>Keeps the logarithm of silence finite.</summary>
    internal const double LogOffset = 0.01;

    /// <summary>Mel frames of a sound: windows that lie wholly inside it.</summary>
    /// <param name="samples">Number of samples at 16 kHz.</param>
    public static int FrameCount(int samples) => samples < FrameLength ? 0 : (samples - FrameLength) / HopLength + 1;

    /// <summary>log(mel + 0.01) of the magnitude spectrogram.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="samples"><c>[samples]</c>: one channel at 16 kHz, -1 .. 1.</param>
    /// <param name="y"><c>[frames, 64]</c>, frames as <see cref="FrameCount"/> tells.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor samples, Tensor y)
    {
        OpArguments.Require(
            samples.Shape.Rank == 1 && y.Columns == Bands && y.Rows == FrameCount(samples.Columns) && y.IsDense,
            "LogMel", $"samples {samples}, y {y}");
        using var timing = device.Time("LogMel", Flops(y.Rows), 4.0 * (samples.Length + y.Length), $"{y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: LogMelCpu.Run(cpu, samples, y); break;
            case IlgpuDevice gpu: LogMelGpu.Run(gpu, samples, y); break;
            default: throw device.Unsupported("LogMel");
        }
    }

    /// <summary>Declared operations: window, transform (5 n log2 n), magnitudes, and the two triangles that a frequency lies under.</summary>
    internal static double Flops(long frames) => frames * (FrameLength + (5.0 * FftLength * 9) + (8.0 * Bins) + Bands);

    /// <summary>Magnitudes (not powers) of the windowed transforms; no padding at the ends, an incomplete last window is dropped.</summary>
    /// <param name="samples16k">One channel at 16 kHz.</param>
    /// <param name="frames">Number of windows.</param>
    /// <returns><c>[frames, 257]</c>, row-major.</returns>
    public static double[] StftMagnitude(ReadOnlySpan<float> samples16k, out int frames)
    {
        frames = FrameCount(samples16k.Length);
        var magnitudes = new double[frames * Bins];
        var spectra = new WindowSpectra();
        for (var f = 0; f < frames; f += WindowSpectra.Lanes)
        {
            var count = Math.Min(WindowSpectra.Lanes, frames - f);
            var lanes = spectra.Magnitudes(samples16k[(f * HopLength)..], count);
            for (var w = 0; w < count; w++)
                for (var bin = 0; bin < Bins; bin++) magnitudes[((f + w) * Bins) + bin] = lanes[bin][w];
        }

        return magnitudes;
    }

    /// <summary>The periodic Hann window 0.5 - 0.5 cos(2 pi n / 400).</summary>
    /// <returns><c>[400]</c></returns>
    public static double[] HannWindow()
    {
        var window = new double[FrameLength];
        for (var n = 0; n < FrameLength; n++) window[n] = 0.5 - 0.5 * Math.Cos(2 * Math.PI * n / FrameLength);
        return window;
    }

    /// <summary>Weights from frequencies to bands: triangles whose sides are straight in mel, equally spaced from 125 to 7500 Hz.</summary>
    /// <returns><c>[257, 64]</c>, row-major; the row of 0 Hz is zero.</returns>
    public static double[] MelMatrix()
    {
        var matrix = new double[Bins * Bands];
        var (lowest, step) = MelScale();
        for (var bin = 1; bin < Bins; bin++)
        {
            var mel = Mel((double)bin * SampleRate / FftLength);
            for (var band = 0; band < Bands; band++)
            {
                var rising = (mel - (lowest + band * step)) / step;
                var falling = (lowest + (band + 2) * step - mel) / step;
                matrix[bin * Bands + band] = Math.Max(0, Math.Min(rising, falling));
            }
        }

        return matrix;
    }

    /// <summary>Where the first triangle begins, and what lies between two of them, in mel.</summary>
    internal static (double Lowest, double Step) MelScale()
    {
        var (lowest, highest) = (Mel(LowestHertz), Mel(HighestHertz));
        return (lowest, (highest - lowest) / (Bands + 1));
    }

    /// <summary>The mel scale of HTK.</summary>
    private static double Mel(double hertz) => 1127 * Math.Log(1 + hertz / 700);
}
