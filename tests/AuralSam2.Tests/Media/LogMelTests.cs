using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Media;
using AuralSam2.Models.Audio;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class LogMelTests : IDisposable
{
    private CpuDevice Device { get; } = new(threads: 2);

    public void Dispose() => Device.Dispose();

    [Fact]
    public void Window_matrix_spectrum_and_log_mel_are_those_recorded()
    {
        var fixture = VggishFixture.Load();
        var wave = VggishFixture.Wave();
        Close(fixture.Tensor("wave_int16_as_i32"), [.. wave.Take(2000).Select(v => v * 32768.0)], 0);
        Close(fixture.Tensor("hann400"), LogMel.HannWindow(), 1e-14);
        Close(fixture.Tensor("mel_matrix_257x64"), LogMel.MelMatrix(), 1e-7);
        Close(fixture.Tensor("stft_mag_first3"), LogMel.StftMagnitude(wave, out var windows)[..(3 * LogMel.Bins)], 1e-12);
        var logMel = Compute(wave, out var frames);
        Assert.Equal((498, 498), (windows, frames));
        Close(fixture.Tensor("log_mel_all_frames"), [.. logMel.Select(v => (double)v)], 2e-7);
    }

    [Fact]
    public void The_spectrum_is_that_of_the_definition()
    {
        var random = new Random(7);
        var samples = Enumerable.Range(0, LogMel.FrameLength).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var window = LogMel.HannWindow();
        var magnitudes = LogMel.StftMagnitude(samples, out _);
        for (var bin = 0; bin < LogMel.Bins; bin++)
        {
            double re = 0, im = 0;
            for (var i = 0; i < samples.Length; i++)
            {
                var (sine, cosine) = Math.SinCos(2 * Math.PI * bin * i / LogMel.FftLength);
                re += samples[i] * window[i] * cosine;
                im += samples[i] * window[i] * sine;
            }

            Assert.Equal(Math.Sqrt(re * re + im * im), magnitudes[bin], 1e-11);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(399, 0)]
    [InlineData(400, 1)]
    [InlineData(559, 1)]
    [InlineData(560, 2)]
    [InlineData(LogMel.ExampleLength, 96)]
    [InlineData(80000, 498)]
    [InlineData(160000, 998)]
    public void Incomplete_windows_are_dropped(int samples, int expected)
    {
        var logMel = Compute(new float[samples], out var frames);
        Assert.Equal((expected, expected * 64), (frames, logMel.Length));
        Assert.All(logMel, v => Assert.Equal((float)Math.Log(0.01), v));
    }

    [Fact]
    public void At_one_frame_per_second_examples_follow_each_other()
    {
        var wave = VggishFixture.Wave();
        var logMel = Compute(wave, out _);
        var examples = new AudioExamples(Device, new Waveform(16000, [wave])).Of(0, 7, 1);
        Assert.Equal(7 * 2 * 96 * 64, examples.Length);
        for (var f = 0; f < 7; f++)
            for (var c = 0; c < 2; c++) Assert.Equal(logMel[(Math.Min(f, 4) * 6144)..][..6144], Example(examples, f, c));
        Assert.Equal(examples[..(3 * 2 * 6144)], new AudioExamples(Device, new Waveform(16000, [wave])).Of(0, 3, 1));
    }

    [Fact]
    public void At_other_rates_the_window_starts_with_the_frame()
    {
        var wave = VggishFixture.Wave();
        var logMel = Compute(wave, out var melFrames);
        var examples = new AudioExamples(Device, new Waveform(16000, [wave])).Of(0, 40, 8);
        foreach (var (frame, start) in new[] { (0, 0), (8, 100), (20, 250), (30, 375), (39, melFrames - 96) })
            Assert.Equal(logMel[(start * 64)..][..6144], Example(examples, frame, 1));
    }

    [Fact]
    public void Channels_are_left_and_right()
    {
        var wave = VggishFixture.Wave();
        var silence = new float[wave.Length];
        var mono = new AudioExamples(Device, new Waveform(16000, [wave])).Of(0, 1, 1);
        foreach (var channels in new float[][][] { [wave, silence], [wave, silence, wave, wave] })
        {
            var examples = new AudioExamples(Device, new Waveform(16000, channels)).Of(0, 1, 1);
            Assert.Equal(Example(mono, 0, 0), Example(examples, 0, 0));
            Assert.All(Example(examples, 0, 1), v => Assert.Equal((float)Math.Log(0.01), v));
        }

        var (values, frames) = new AudioExamples(Device, new Waveform(16000, [wave, silence])).Spectrogram();
        Assert.Equal((498, 498 * 64), (frames, values.Length));
        Assert.Equal((mono[0] + (float)Math.Log(0.01)) / 2, values[0], 1e-6f);
    }

    [Fact]
    public void Short_sounds_are_repeated()
    {
        var wave = VggishFixture.Wave()[..8000];
        var twice = new AudioExamples(Device, new Waveform(16000, [[.. wave, .. wave]])).Of(0, 2, 1);
        Assert.Equal(twice, new AudioExamples(Device, new Waveform(16000, [wave])).Of(0, 2, 1));
        Assert.All(new AudioExamples(Device, new Waveform(16000, [[0.5f]])).Of(0, 3, 25), v => Assert.True(float.IsFinite(v)));
        Assert.Throws<ArgumentException>(() => new AudioExamples(Device, new Waveform(16000, [[]])).Of(0, 1, 1));
    }

    [Fact]
    public void Other_rates_are_resampled()
    {
        var tone = Enumerable.Range(0, 2 * 44100).Select(i => (float)Math.Sin(2 * Math.PI * 1000 * i / 44100)).ToArray();
        var same = Enumerable.Range(0, 2 * 16000).Select(i => (float)Math.Sin(2 * Math.PI * 1000 * i / 16000)).ToArray();
        var a = new AudioExamples(Device, new Waveform(44100, [tone])).Of(0, 1, 1)[(10 * 64)..(80 * 64)];
        var b = new AudioExamples(Device, new Waveform(16000, [same])).Of(0, 1, 1)[(10 * 64)..(80 * 64)];
        for (var i = 0; i < a.Length; i++) Assert.Equal(b[i], a[i], 1e-3f);
    }

    private static float[] Example(float[] examples, int frame, int channel) => examples[((frame * 2 + channel) * 6144)..][..6144];

    /// <summary>Differences within a share of the largest magnitude.</summary>
    private static void Close(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max(Math.Abs);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / largest;
        Assert.True(worst <= tolerance, $"differs by {worst:E2} of the largest value");
    }

    private float[] Compute(float[] samples, out int frames)
    {
        frames = LogMel.FrameCount(samples.Length);
        using var scope = Device.Scope();
        Tensor input = Device.Rent(samples.Length), output = Device.Rent(frames, LogMel.Bands);
        Device.Upload(samples, input);
        LogMel.Forward(Device, input, output);
        var values = new float[output.Length];
        Device.Download(output, values);
        return values;
    }
}
