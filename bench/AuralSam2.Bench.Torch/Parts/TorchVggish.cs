using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>The sound encoder, on channel-last maps: they lie as the first linear layer wants them.</summary>
internal sealed class TorchVggish
{
    private static readonly (int Index, int Outputs, bool Pool)[] Plan =
        [(0, 64, true), (3, 128, true), (6, 256, false), (8, 256, true), (11, 512, false), (13, 512, true)];

    private readonly Convolution[] convolutions;
    private readonly Linear[] dense;

    public TorchVggish(PeerParameters parameters)
    {
        const string prefix = "aural_fuser.vgg.";
        var inputs = Plan.Select(layer => layer.Outputs).Prepend(1);
        convolutions =
        [
            .. Plan.Zip(inputs, (layer, input) => parameters.Convolution(
                $"{prefix}features.{layer.Index}", layer.Outputs, input, kernel: 3, stride: 1, padding: 1)),
        ];
        dense =
        [
            parameters.Linear(prefix + "embeddings.0", 4096, 6 * 4 * 512), parameters.Linear(prefix + "embeddings.2", 4096, 4096),
            parameters.Linear(prefix + "embeddings.4", 128, 4096),
        ];
    }

    /// <summary>Embeds log-mel examples <c>[n, 96, 64, 1]</c>: <c>[n, 128]</c>, which the caller disposes.</summary>
    public Tensor Forward(Tensor examples)
    {
        using var scope = NewDisposeScope();
        var x = examples;
        for (var i = 0; i < Plan.Length; i++)
        {
            x = convolutions[i].Forward(x).relu_();
            if (Plan[i].Pool) x = F.max_pool2d(x.permute(0, 3, 1, 2), [2, 2], [2, 2]).permute(0, 2, 3, 1);
        }

        return dense.Forward(x.reshape(x.shape[0], -1)).relu_().MoveToOuterDisposeScope();
    }
}
