using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>Trunk and feature pyramid; the 1x1 convolutions are linear layers on the trunk's channel-last maps.</summary>
internal sealed class TorchImageEncoder
{
    private const int Channels = 256;

    private readonly TorchHiera trunk;
    private readonly Linear[] laterals; // by level, finest first

    public TorchImageEncoder(TrunkShape shape, int imageSize, PeerParameters parameters)
    {
        trunk = new TorchHiera(shape, imageSize, parameters);
        laterals =
        [
            .. Enumerable.Range(0, 4)
                .Select(level => parameters.Pointwise($"image_encoder.neck.convs.{3 - level}.conv", Channels, shape.Embed << level)),
        ];
    }

    /// <summary>An image <c>[1, 3, size, size]</c> as maps <c>[1, h, w, 256]</c> at strides 4, 8 and 16; the caller disposes them.</summary>
    public Tensor[] Forward(Tensor image)
    {
        using var scope = NewDisposeScope();
        var stages = trunk.Forward(image);
        var coarsest = laterals[3].Forward(stages[3]);
        Tensor[] levels = [.. Enumerable.Range(0, 3).Select(level => laterals[level].Forward(stages[level]))];
        var edge = coarsest.shape[1];
        levels[2].view(edge, 2, edge, 2, Channels).add_(coarsest.view(edge, 1, edge, 1, Channels)); // nearest neighbour, twice the size
        return [.. levels.Select(level => level.MoveToOuterDisposeScope())];
    }
}
