using AuralSam2.Media;
using Xunit;

namespace AuralSam2.Tests.Media;

public sealed class ResamplerTests
{
    [Theory]
    [InlineData(44100, 16000)]
    [InlineData(48000, 16000)]
    [InlineData(8000, 16000)]
    [InlineData(22050, 16000)]
    [InlineData(11025, 16000)]
    [InlineData(15999, 16000)] // a phase for every sample
    [InlineData(16000, 44100)]
    public void Tones_below_the_cut_off_keep_amplitude_and_phase(int from, int to)
    {
        foreach (var part in new[] { 0.01, 0.3, 0.88 })
        {
            var hertz = part * Math.Min(from, to) / 2;
            var sound = Resampler.Resample(Tone(from, hertz), to);
            Assert.Equal(to, sound.SampleRate);
            var worst = Middle(sound).Max(i => Math.Abs(sound.Channels[0][i] - Math.Sin(2 * Math.PI * hertz * i / to + 0.3)));
            Assert.True(worst < 2e-5, $"{hertz} Hz is off by {worst}");
        }
    }

    [Theory]
    [InlineData(44100, 8200)]
    [InlineData(44100, 12000)]
    [InlineData(48000, 8200)]
    [InlineData(48000, 20000)]
    [InlineData(22050, 9000)]
    public void Tones_above_the_new_nyquist_frequency_are_suppressed(int from, double hertz)
    {
        var sound = Resampler.Resample(Tone(from, hertz), 16000);
        Assert.True(Middle(sound).Max(i => Math.Abs(sound.Channels[0][i])) < 1e-4); // -80 dB
    }

    [Theory]
    [InlineData(44100, 16000)]
    [InlineData(8000, 16000)]
    [InlineData(22050, 16000)]
    public void A_constant_stays_the_same_constant(int from, int to)
    {
        var sound = new float[from];
        Array.Fill(sound, 0.7f);
        var result = Resampler.Resample(new Waveform(from, [sound]), to);
        Assert.All(Middle(result), i => Assert.Equal(0.7f, result.Channels[0][i]));
    }

    [Theory]
    [InlineData(44100, 16000, 220500, 80000)]
    [InlineData(44100, 16000, 220501, 80001)]
    [InlineData(48000, 16000, 4, 2)]
    [InlineData(8000, 16000, 3, 6)]
    [InlineData(44100, 16000, 1, 1)]
    public void The_length_is_rounded_up(int from, int to, int length, int expected) =>
        Assert.Equal(expected, Resampler.Resample(new Waveform(from, [new float[length]]), to).Length);

    [Fact]
    public void Channels_stay_apart_and_the_right_rate_is_left_alone()
    {
        var tone = Tone(48000, 440).Channels[0];
        var sound = new Waveform(48000, [tone, new float[tone.Length]]);
        Assert.Same(sound, Resampler.Resample(sound, 48000));
        Assert.All(Resampler.Resample(sound, 16000).Channels[1], v => Assert.Equal(0, v));
    }

    private static Waveform Tone(int rate, double hertz) =>
        new(rate, [[.. Enumerable.Range(0, rate / 2).Select(i => (float)Math.Sin(2 * Math.PI * hertz * i / rate + 0.3))]]);

    /// <summary>Samples away from the ends, where the sound meets silence.</summary>
    private static IEnumerable<int> Middle(Waveform sound) => Enumerable.Range(sound.Length / 4, sound.Length / 2);
}
