using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Models;
using AuralSam2.Models.Audio;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>Kind vggish: the sound front-end on a chirp in noise, and the network on its examples.</summary>
internal static partial class VggishFixture
{
    private const int DefaultSamples = 80000;

    public static void Run(Device device, StageComparison comparison)
    {
        var fixture = comparison.Fixture;
        var integers = Wave(fixture);
        comparison.Compare("wave_int16_as_i32", [.. integers.Take(fixture.ShapeOf("wave_int16_as_i32")[0])]);
        comparison.Compare("hann400", [.. LogMel.HannWindow().Select(v => (float)v)]);
        comparison.Compare("mel_matrix_257x64", [.. LogMel.MelMatrix().Select(v => (float)v)]);
        float[] samples = [.. integers.Select(v => v / 32768f)];
        var magnitudes = LogMel.StftMagnitude(samples, out _);
        comparison.Compare("stft_mag_first3", [.. magnitudes.Take(3 * LogMel.Bins).Select(v => (float)v)]);
        using var weights = fixture.Weights();
        using var binder = new ParameterBinder(device, new WeightReader(weights));
        var vggish = new Vggish(binder, "aural_fuser.vgg");
        using var scope = device.Scope();
        Tensor input = device.Rent(samples.Length), logMel = device.Rent(LogMel.FrameCount(samples.Length), LogMel.Bands);
        device.Upload(samples, input);
        LogMel.Forward(device, input, logMel);
        comparison.Observer()("log_mel_all_frames", logMel);
        var count = logMel.Rows / LogMel.ExampleFrames; // no overlap; the rest is dropped
        var examples = logMel.Slice(0, count * LogMel.ExampleFrames).Reshape(count, LogMel.ExampleFrames, LogMel.Bands, 1);
        vggish.Forward(examples, device.Rent(count, Vggish.EmbeddingChannels), comparison.Observer());
    }

    /// <summary>A chirp from 200 to 4000 Hz under noise, in 16 bits: the waveform of the fixture's note.</summary>
    private static float[] Wave(Fixture fixture)
    {
        var count = NoiseLength().Match(fixture.Metadata("wave")) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : DefaultSamples;
        var wave = new float[count];
        for (var i = 0; i < count; i++)
        {
            var t = i / 16000.0;
            var w = (0.5 * Math.Sin(2 * Math.PI * ((200 * t) + (0.5 * 760 * t * t)))) + (0.1 * ((2 * RuleTensor.Unit(fixture.Seed, "input.wave_noise", i)) - 1));
            wave[i] = (float)Math.Clamp(Math.Round(32767 * w), short.MinValue, short.MaxValue);
        }

        return wave;
    }

    [GeneratedRegex(@"""input\.wave_noise"",\s*(\d+)")]
    private static partial Regex NoiseLength();
}
