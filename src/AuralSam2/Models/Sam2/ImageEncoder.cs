using AuralSam2.Kernels;

namespace AuralSam2.Models.Sam2;

/// <summary>Trunk and neck: an image becomes a pyramid of three maps.</summary>
internal sealed class ImageEncoder
{
    private readonly Device device;
    private readonly FpnNeck neck;

    public ImageEncoder(Sam2Config config, ParameterBinder binder)
    {
        device = binder.Device;
        Trunk = new Hiera(config.Trunk, config.ImageSize, binder, "image_encoder.trunk");
        neck = new FpnNeck(config.Trunk, binder, "image_encoder.neck");
    }

    /// <summary>The trunk alone: what benchmarks race.</summary>
    public Hiera Trunk { get; }

    /// <summary>Encodes one image.</summary>
    /// <param name="image"><c>[size, size, 3]</c>, normalised.</param>
    /// <param name="observe">Sees the stages.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    /// <returns><c>[h, w, 256]</c> at strides 4, 8 and 16, rented in the caller's scope.</returns>
    public Tensor[] Forward(Tensor image, StageObserver? observe = null, CancellationToken cancellation = default)
    {
        using var module = device.Module("image_encoder");
        // The levels are rented after the trunk has given its scratch back: they take its place.
        var size = image.Shape[0];
        var stages = Trunk.Forward(image, observe, cancellation);
        var levels = new Tensor[3];
        for (var level = 0; level < 3; level++) levels[level] = device.Rent(size >> (level + 2), size >> (level + 2), FpnNeck.Channels);
        neck.Forward(stages, levels, observe);
        return levels;
    }
}
