using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Models;

/// <summary>Fixtures observe every stage, and an observed image is not worked off in bands: what people run must be the same.</summary>
public sealed class ImageEncoderTests
{
    [Theory]
    [InlineData("mini", 288, 1)] // grid 72: windows of 14 are padded
    [InlineData("mini", 512, 2)]
    [InlineData("mini", 512, 3)]
    [InlineData("t", 224, 2)]
    public void Observed_or_not_the_pyramid_is_the_same(string model, int size, int threads)
    {
        using var device = new CpuDevice(threads);
        using var binder = new ParameterBinder(device, new WeightReader(new RuleWeights()));
        var encoder = new ImageEncoder(Sam2Config.Named(model, Sam2Version.V20, size), binder);
        var pixels = new float[size * size * 3];
        RuleTensor.Fill("", "input.image", 0, 2, pixels);
        var stages = 0;
        Assert.Equal(Pyramid((_, _, _, _) => stages++), Pyramid(null));
        Assert.True(stages > 50);

        float[][] Pyramid(StageObserver? observe)
        {
            using var scope = device.Scope();
            var image = device.Rent(size, size, 3);
            device.Upload(pixels, image);
            return [.. encoder.Forward(image, observe).Select(level =>
            {
                var values = new float[level.Length];
                device.Download(level, values);
                return values;
            })];
        }
    }
}
