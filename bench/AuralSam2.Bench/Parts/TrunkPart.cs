using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Parts;

/// <summary>An image trunk alone, with weights by rule.</summary>
internal sealed class TrunkPart : IDisposable
{
    private readonly ParameterBinder binder;
    private readonly Hiera hiera;
    private readonly Tensor image;

    /// <summary>Loads a trunk.</summary>
    /// <param name="device">Where.</param>
    /// <param name="name">Its size.</param>
    public TrunkPart(Device device, string name)
    {
        binder = new ParameterBinder(device, new WeightReader(new RuleWeights()));
        var config = Sam2Config.Named(name);
        hiera = new Hiera(config.Trunk, config.ImageSize, binder, "image_encoder.trunk");
        var values = new float[config.ImageSize * config.ImageSize * 3];
        RuleTensor.Fill("", "input.image", 0, 2, values);
        image = binder.Upload(values, config.ImageSize, config.ImageSize, 3);
        Part = new Part($"trunk {name}", () => hiera.Forward(image));
    }

    public Part Part { get; }

    /// <summary>What its four feature maps come to.</summary>
    public ResultMark Mark()
    {
        using var scope = binder.Device.Scope();
        return ResultMark.Of(binder.Device, hiera.Forward(image));
    }

    /// <inheritdoc/>
    public void Dispose() => binder.Dispose();
}
