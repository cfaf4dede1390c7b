using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;

namespace AuralSam2.Models.Audio;

/// <summary>Sound as VGGish takes it: for every frame of the clip, 0.96 s of log-mel spectrogram of the left and the right channel (SPEC 8).</summary>
public static class AudioExamples
{
    private const int Channels = 2;
    private const double MelFramesPerSecond = (double)LogMel.SampleRate / LogMel.HopLength;

    /// <summary>Builds one example per frame and channel.</summary>
    /// <param name="device">Where the spectrogram is computed.</param>
    /// <param name="sound">Any rate. One channel serves as both; of more than two the first two count.</param>
    /// <param name="frames">Frames of the clip, at least 1.</param>
    /// <param name="framesPerSecond">
    /// At exactly 1, the examples of the training data: they follow each other without overlap every 0.96 s, and a sound with fewer of
    /// them than frames repeats the last. At any other rate, the window that starts when the frame does, moved back where the sound
    /// ends before it. A sound too short for one example is repeated until it has one.
    /// </param>
    /// <returns><c>[frames, 2, 96, 64]</c>, row-major: left before right, time before band.</returns>
    /// <exception cref="ArgumentException">The sound has no samples.</exception>
    public static float[] Build(Device device, Waveform sound, int frames, double framesPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        if (!(framesPerSecond > 0)) throw new ArgumentOutOfRangeException(nameof(framesPerSecond), framesPerSecond, "frames per second must be above 0");
        const int example = LogMel.ExampleFrames * LogMel.Bands;
        var channels = LeftAndRight(device, sound, out var melFrames);
        var examples = new float[checked(frames * Channels * example)];
        for (var f = 0; f < frames; f++)
        {
            var start = FirstMelFrame(f, framesPerSecond, melFrames);
            for (var c = 0; c < Channels; c++)
                channels[c].AsSpan(start * LogMel.Bands, example).CopyTo(examples.AsSpan((f * Channels + c) * example));
        }

        return examples;
    }

    /// <summary>The whole sound for the eye: log-mel of both channels, averaged.</summary>
    /// <param name="device">Where it is computed.</param>
    /// <param name="sound">As for <see cref="Build"/>.</param>
    /// <returns><c>[frames, 64]</c>, row-major, 100 frames per second.</returns>
    /// <exception cref="ArgumentException">The sound has no samples.</exception>
    public static (float[] Values, int Frames) Spectrogram(Device device, Waveform sound)
    {
        var channels = LeftAndRight(device, sound, out var melFrames);
        return ([.. channels[0].Zip(channels[1], (left, right) => (left + right) / 2)], melFrames);
    }

    private static int FirstMelFrame(int frame, double framesPerSecond, int melFrames)
    {
        if (framesPerSecond == 1) return Math.Min(frame, melFrames / LogMel.ExampleFrames - 1) * LogMel.ExampleFrames;
        return (int)Math.Min(Math.Round(frame / framesPerSecond * MelFramesPerSecond), melFrames - LogMel.ExampleFrames);
    }

    /// <summary>Log-mel of the two channels, each <c>[melFrames, 64]</c> with at least 96 mel frames.</summary>
    private static float[][] LeftAndRight(Device device, Waveform sound, out int melFrames)
    {
        if (sound.Length == 0) throw new ArgumentException("the sound has no samples", nameof(sound));
        var used = Resampler.Resample(new Waveform(sound.SampleRate, [.. sound.Channels.Take(Channels)]), LogMel.SampleRate);
        var left = LogMelOf(device, used.Channels[0]);
        melFrames = left.Length / LogMel.Bands;
        return [left, used.Channels.Count == 1 ? left : LogMelOf(device, used.Channels[1])];
    }

    private static float[] LogMelOf(Device device, float[] channel)
    {
        using var scope = device.Scope();
        var samples = AtLeastOneExample(channel);
        Tensor input = device.Rent(samples.Length), output = device.Rent(LogMel.FrameCount(samples.Length), LogMel.Bands);
        device.Upload(samples, input);
        LogMel.Forward(device, input, output);
        var values = new float[output.Length];
        device.Download(output, values);
        return values;
    }

    private static float[] AtLeastOneExample(float[] samples)
    {
        if (samples.Length >= LogMel.ExampleLength) return samples;
        var repeated = new float[LogMel.ExampleLength];
        for (var i = 0; i < repeated.Length; i++) repeated[i] = samples[i % samples.Length];
        return repeated;
    }
}
