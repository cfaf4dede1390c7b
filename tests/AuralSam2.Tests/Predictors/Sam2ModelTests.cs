using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Tests.Weights;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Predictors;

/// <summary>SAM2 alone, from a file as people have it.</summary>
public sealed class Sam2ModelTests
{
    [Theory]
    [InlineData(Sam2Version.V20)]
    [InlineData(Sam2Version.V21)]
    public void A_file_tells_size_and_release_and_gives_what_its_weights_give(Sam2Version version)
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(2);
        var config = Sam2Config.Named("mini", version);
        using var rule = new RuleWeights();
        Write(device, config, rule, folder.File("sam2.safetensors"));
        using var loaded = Sam2Model.Load(device, [folder.File("sam2.safetensors")]);
        Assert.Equal(("mini", version, 128), (loaded.Name, loaded.Version, loaded.ImageSize));
        using var expected = Sam2Model.Load(device, config, rule);
        Assert.Equal(Score(expected), Score(loaded));
    }

    [Fact]
    public void Another_size_is_refused_with_every_tensor_that_differs()
    {
        using var folder = new TemporaryFolder();
        using var device = new CpuDevice(2);
        using var rule = new RuleWeights();
        Write(device, Sam2Config.Named("mini"), rule, folder.File("sam2.safetensors"));
        Assert.Throws<WeightsException>(() => Sam2Model.Load(device, [folder.File("sam2.safetensors")], "t"));
    }

    private static float Score(Sam2Model model)
    {
        using var frames = new GeneratedFrames(1);
        using var session = new VideoPredictor(model).Open(frames);
        return session.Prompt(new VideoPrompt(0) { Points = [new(20, 20)] })!.ObjectScore;
    }

    private static void Write(Device device, Sam2Config config, IWeightSource weights, string path)
    {
        var declaring = WeightReader.ForDeclaring();
        _ = new Sam2Network(config, new ParameterBinder(device, declaring));
        SafetensorsWriter.Write(path, null, declaring.Declared.Select(p =>
        {
            var values = new float[p.Shape.Aggregate(1, (n, d) => n * d)];
            weights.Read(p.Name, p.Shape, values);
            return SafetensorsTensor.Of(p.Name, [.. p.Shape], values);
        }));
    }
}
