using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.PublicApi.Tests;

/// <summary>Pictures and prompts as a user of the library writes it, without access to anything internal.</summary>
public sealed class ImagePredictorTests
{
    [Fact]
    public void The_example_of_the_README_runs()
    {
        var folder = Directory.CreateTempSubdirectory("aural-image-");
        try
        {
            string weights = Path.Combine(folder.FullName, "sam2.safetensors"), photo = Path.Combine(folder.FullName, "photo.png"),
                mask = Path.Combine(folder.FullName, "mask.png");
            using (var device = new CpuDevice()) RuleFile.Write(weights, source => Sam2Model.Load(device, "mini", source).Dispose());
            PngWriter.WriteRgb(photo, Photo());
            Example(weights, photo, mask);
            Assert.Equal((48, 32), ImageReader.ReadSize(mask));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_README_holds_the_same_lines()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        var shown = Regex.Match(readme, "```csharp\n([^`]*ImagePredictor.*?)```", RegexOptions.Singleline).Groups[1].Value
            .Replace("[\"sam2.1_hiera_tiny.pt\"]", "[weights]", StringComparison.Ordinal)
            .Replace("\"photo.jpg\"", "photo", StringComparison.Ordinal).Replace("\"mask.png\"", "mask", StringComparison.Ordinal);
        var source = File.ReadAllText(Path.Combine(Repository.Root, "tests", "AuralSam2.PublicApi.Tests", "ImagePredictorTests.cs"));
        var run = Regex.Match(source, @"void Example\([^)]*\)\s*\{\n(.*?)\n    \}\n", RegexOptions.Singleline).Groups[1].Value;
        Assert.NotEmpty(Lines(shown));
        Assert.Equal(Lines(shown), Lines(run));
    }

    [Fact]
    public void A_click_is_corrected_and_everything_is_found()
    {
        using var device = new CpuDevice(2);
        using var weights = new RuleWeights();
        using var model = Sam2Model.Load(device, "mini", weights);
        var predictor = new ImagePredictor(model);
        using var image = predictor.Encode(Photo());
        var first = predictor.Predict(image, new ImagePrompt { Points = [new VideoPoint(20, 15)] });
        var second = predictor.Predict(
            image,
            new ImagePrompt { Points = [new(20, 15), new(3, 3, IsOnObject: false)], Earlier = first.Best.LowResolution },
            new ImagePredictOptions { Multimask = false, Logits = true });
        Assert.Equal((3, 1), (first.Masks.Count, second.Masks.Count));
        Assert.Equal(second.Best.Logits!.Count(l => l > 0), second.Best.Mask.Count(m => m == 255));
        Assert.Throws<ArgumentException>(() => predictor.Predict(image, new ImagePrompt { Box = new VideoBox(0, 0, 49, 32) }));

        var options = new AutomaticMaskOptions { PointsPerSide = 3, MinPredictedIou = 0, MinStability = 0 };
        var found = new AutomaticMaskGenerator(model, options).Generate(Photo());
        Assert.NotEmpty(found);
        Assert.All(found, m => Assert.Equal(m.Area, m.Mask.ToPixels().Count(p => p == 255)));
    }

    private static void Example(string weights, string photo, string mask)
    {
        using var device = new CpuDevice();
        using var model = Sam2Model.Load(device, [weights]);
        var predictor = new ImagePredictor(model);
        using var image = predictor.Encode(ImageReader.Read(photo));
        var found = predictor.Predict(image, new ImagePrompt { Points = [new(42, 26)] }).Best;
        PngWriter.WriteGray(mask, image.Width, image.Height, found.Mask);
    }

    private static RgbImage Photo()
    {
        var pixels = new byte[48 * 32 * 3];
        new Random(4).NextBytes(pixels);
        return new RgbImage(48, 32, pixels);
    }

    private static string[] Lines(string code) => [.. code.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
}
