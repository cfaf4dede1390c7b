using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Parts;

/// <summary>An image encoder without the rest of the model, weights and image by rule: its trunk alone, and the whole of it.</summary>
internal sealed class EncoderParts : IDisposable
{
    private readonly ParameterBinder binder;
    private readonly ImageEncoder encoder;
    private readonly Tensor image;

    /// <summary>Loads it.</summary>
    /// <param name="device">Where.</param>
    /// <param name="name">Its size.</param>
    public EncoderParts(Device device, string name)
    {
        binder = new ParameterBinder(device, new WeightReader(new RuleWeights()));
        var config = Sam2Config.Named(name);
        encoder = new ImageEncoder(config, binder);
        var values = new float[config.ImageSize * config.ImageSize * 3];
        RuleTensor.Fill("", "input.image", 0, 2, values);
        image = binder.Upload(values, config.ImageSize, config.ImageSize, 3);
        Trunk = Part.Of($"trunk {name}", () => encoder.Trunk.Forward(image));
        Encoder = Part.Of($"image encoder {name}", () => encoder.Forward(image));
    }

    /// <summary>An image to the four feature maps, <c>[h, w, channels]</c> at strides 4, 8, 16 and 32.</summary>
    public Part Trunk { get; }

    /// <summary>An image to the pyramid, <c>[h, w, 256]</c> at strides 4, 8 and 16.</summary>
    public Part Encoder { get; }

    /// <summary>What the trunk's four feature maps come to.</summary>
    public ResultMark Mark()
    {
        using var scope = binder.Device.Scope();
        return ResultMark.Of(binder.Device, encoder.Trunk.Forward(image));
    }

    /// <inheritdoc/>
    public void Dispose() => binder.Dispose();
}
