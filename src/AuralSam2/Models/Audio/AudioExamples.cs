using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;

namespace AuralSam2.Models.Audio;

/// <summary>Sound as VGGish takes it: for every frame of a clip, 0.96 s of log-mel spectrogram of the left and the right channel (SPEC 8).</summary>
public sealed class AudioExamples
{
    /// <summary>Floats of the example of one frame: <c>[2, 96, 64]</c>.</summary>
    public const int FrameLength = Channels * ExampleLength;

    private const int Channels = 2;
    private const int ExampleLength = LogMel.ExampleFrames * LogMel.Bands;
    private const double MelFramesPerSecond = (double)LogMel.SampleRate / LogMel.HopLength;

    private readonly float[][] channels;
    private readonly int melFrames;

    /// <summary>Transforms a whole sound.</summary>
    /// <param name="device">Where the spectrogram is computed.</param>
    /// <param name="sound">Any rate. One channel serves as both; of more than two the first two count. A sound too short for one example is
    /// repeated until it has one.</param>
    /// <exception cref="ArgumentException">The sound has no samples.</exception>
    public AudioExamples(Device device, Waveform sound)
    {
        if (sound.Length == 0) throw new ArgumentException("the sound has no samples", nameof(sound));
        var used = Resampler.Resample(new Waveform(sound.SampleRate, [.. sound.Channels.Take(Channels)]), LogMel.SampleRate, device.HostThreads);
        var left = LogMelOf(device, used.Channels[0]);
        channels = [left, used.Channels.Count == 1 ? left : LogMelOf(device, used.Channels[1])];
        melFrames = left.Length / LogMel.Bands;
    }

    /// <summary>The examples of frames that are fused together.</summary>
    /// <param name="first">First frame.</param>
    /// <param name="count">Frames, at least 1.</param>
    /// <param name="framesPerSecond">
    /// At exactly 1, the examples of the training data: from the first frame's time on they follow each other without overlap every
    /// 0.96 s, as in a clip of that length, and where the sound ends the last repeats. At any other rate, the window that starts when
    /// the frame does, moved back where the sound ends before it.
    /// </param>
    /// <returns><c>[count, 2, 96, 64]</c>, row-major: left before right, time before band.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative frame, no frames, or a rate that is not above 0.</exception>
    public float[] Of(int first, int count, double framesPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (!(framesPerSecond > 0))
            throw new ArgumentOutOfRangeException(nameof(framesPerSecond), framesPerSecond, "frames per second must be above 0");
        var examples = new float[checked(count * FrameLength)];
        for (var i = 0; i < count; i++)
        {
            var start = FirstMelFrame(first, i, framesPerSecond);
            for (var c = 0; c < Channels; c++)
                channels[c].AsSpan(start * LogMel.Bands, ExampleLength).CopyTo(examples.AsSpan(((i * Channels) + c) * ExampleLength));
        }

        return examples;
    }

    /// <summary>The whole sound for the eye: log-mel of both channels, averaged.</summary>
    /// <returns><c>[frames, 64]</c>, row-major, 100 frames per second.</returns>
    public (float[] Values, int Frames) Spectrogram() => ([.. channels[0].Zip(channels[1], (left, right) => (left + right) / 2)], melFrames);

    private int FirstMelFrame(int first, int i, double framesPerSecond)
    {
        var last = melFrames - LogMel.ExampleFrames;
        var start = Math.Round(first / framesPerSecond * MelFramesPerSecond);
        if (framesPerSecond != 1) return (int)Math.Min(Math.Round((first + i) / framesPerSecond * MelFramesPerSecond), last);
        if (start > last) return last;
        var whole = (melFrames - (int)start) / LogMel.ExampleFrames; // examples from there to the end of the sound
        return (int)start + (Math.Min(i, whole - 1) * LogMel.ExampleFrames);
    }

    private static float[] LogMelOf(Device device, float[] channel)
    {
        using var scope = device.Scope();
        var samples = AtLeastOneExample(channel);
        Tensor input = device.Rent(samples.Length), output = device.Rent(LogMel.FrameCount(samples.Length), LogMel.Bands);
        device.Upload(samples, input);
        LogMel.Forward(device, input, output);
        return device.Download(output);
    }

    private static float[] AtLeastOneExample(float[] samples)
    {
        if (samples.Length >= LogMel.ExampleLength) return samples;
        var repeated = new float[LogMel.ExampleLength];
        for (var i = 0; i < repeated.Length; i++) repeated[i] = samples[i % samples.Length];
        return repeated;
    }
}
