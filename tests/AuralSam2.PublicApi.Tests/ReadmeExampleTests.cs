using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Testing;
using AuralSam2.Verification;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.PublicApi.Tests;

/// <summary>The library in ten lines, as the README has it, on the small model.</summary>
public sealed class ReadmeExampleTests : IDisposable
{
    private const int Frames = 3;

    private readonly string start = Directory.GetCurrentDirectory();
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("aural-readme-");

    public ReadmeExampleTests() => Directory.SetCurrentDirectory(folder.FullName);

    public void Dispose()
    {
        Directory.SetCurrentDirectory(start);
        folder.Delete(recursive: true);
    }

    [Fact]
    public void The_example_runs()
    {
        MakeInputs();
        var console = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            Example();
        }
        finally
        {
            Console.SetOut(console);
        }

        var lines = printed.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Frames, lines.Length);
        for (var i = 0; i < Frames; i++) Assert.Matches($@"^{i}[.,]0 s: predicted IoU [01][.,]\d\d, \d+ pixels$", lines[i].TrimEnd());
    }

    [Fact]
    public void The_README_holds_the_same_lines()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        var shown = Regex.Match(readme, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        var source = File.ReadAllText(Path.Combine(Repository.Root, "tests", "AuralSam2.PublicApi.Tests", "ReadmeExampleTests.cs"));
        var run = Regex.Match(source, @"void Example\(\)\s*\{\n(.*?)\n    \}\n", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal(10, Lines(shown).Length);
        Assert.Equal(Lines(shown.Replace("device, \"t\"", "device, \"mini\"", StringComparison.Ordinal)), Lines(run));
    }

    [Fact]
    public void Fixtures_are_verified_from_outside_too()
    {
        using var device = new CpuDevice();
        Assert.Equal(FixtureVerdict.Passed, FixtureVerifier.Verify(device, Repository.Golden("b_mini_image_encoder.safetensors")).Verdict);
    }

    private static void Example()
    {
        using var device = new CpuDevice();
        using var weights = SafetensorsFile.Open("auralsam2_t.safetensors");
        using var model = AuralSam2Model.Load(device, "mini", weights);
        using var frames = new FrameFolder("frames", 1);
        var sound = SoundReader.Read("sound.wav");
        var predictor = new AudioVisualPredictor(model);
        foreach (var frame in predictor.Segment(frames, sound, new SegmentOptions()))
        {
            Console.WriteLine($"{frame.Seconds:0.0} s: predicted IoU {frame.PredictedIou:0.00}, {frame.Mask.Count(p => p > 0)} pixels");
        }
    }

    private static string[] Lines(string code) => [.. code.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>Frames, sound and weights under the names that the example uses.</summary>
    private static void MakeInputs()
    {
        Directory.CreateDirectory("frames");
        for (var i = 0; i < Frames; i++)
        {
            byte[] pixels = [.. Enumerable.Range(0, 40 * 30 * 3).Select(p => (byte)(p * (i + 1)))];
            PngWriter.WriteRgb(Path.Combine("frames", $"{i}.png"), new RgbImage(40, 30, pixels));
        }

        WaveWriter.WritePcm16("sound.wav", new Waveform(16000, [[.. Enumerable.Range(0, 48000).Select(i => 0.3f * MathF.Sin(0.1f * i))]]));

        using var device = new CpuDevice();
        RuleFile.Write("auralsam2_t.safetensors", weights => AuralSam2Model.Load(device, "mini", weights).Dispose());
    }
}
