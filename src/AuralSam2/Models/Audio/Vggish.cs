using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Audio;

/// <summary>The sound encoder (SPEC 8; VGGish, Hershey et al. 2017): a VGG on log-mel examples.</summary>
internal sealed class Vggish
{
    /// <summary>Channels of an embedding.</summary>
    public const int EmbeddingChannels = 128;

    private const int Hidden = 4096;
    private const int Frames = 96;
    private const int Bands = 64;

    /// <summary>Index in the state dict, output channels, and whether a pooling follows.</summary>
    private static readonly (int Index, int Outputs, bool Pool)[] Plan =
        [(0, 64, true), (3, 128, true), (6, 256, false), (8, 256, true), (11, 512, false), (13, 512, true)];

    private readonly Device device;
    private readonly string featuresPath;
    private readonly string embeddingsPath;
    private readonly ConvWeights[] convolutions;
    private readonly PackedMatrix[] dense;

    public Vggish(ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        (featuresPath, embeddingsPath) = (prefix + ".features", prefix + ".embeddings");
        convolutions = new ConvWeights[Plan.Length];
        var channels = 1;
        for (var i = 0; i < Plan.Length; i++)
        {
            convolutions[i] = binder.Convolution($"{prefix}.features.{Plan[i].Index}", Plan[i].Outputs, channels, kernel: 3, stride: 1, padding: 1);
            channels = Plan[i].Outputs;
        }

        // The maps are flattened channel-last, as they already lie.
        dense =
        [
            binder.Linear(prefix + ".embeddings.0", Hidden, channels * (Frames / 16) * (Bands / 16)),
            binder.Linear(prefix + ".embeddings.2", Hidden, Hidden),
            binder.Linear(prefix + ".embeddings.4", EmbeddingChannels, Hidden),
        ];
    }

    /// <summary>Embeds examples.</summary>
    /// <param name="examples"><c>[examples, 96, 64, 1]</c>: log-mel.</param>
    /// <param name="y"><c>[examples, 128]</c>.</param>
    /// <param name="observe">Sees the stages.</param>
    public void Forward(Tensor examples, Tensor y, StageObserver? observe = null)
    {
        using var scope = device.Scope();
        using (device.Module(featuresPath)) examples = Features(examples, observe);
        using var module = device.Module(embeddingsPath);
        var x = examples.Reshape(examples.Shape[0], dense[0].Inputs);
        for (var i = 0; i < dense.Length; i++)
        {
            var target = i == dense.Length - 1 ? y : device.Rent(x.Rows, Hidden);
            if (observe is not null)
            {
                Gemm.Forward(device, x, dense[i], target);
                observe($"embeddings.{2 * i}", target);
            }

            Gemm.Forward(device, x, dense[i], target, new GemmFusion { Activation = Activation.Relu });
            observe?.Invoke($"embeddings.{(2 * i) + 1}", target);
            x = target;
        }

        observe?.Invoke("embedding128", y);
    }

    /// <summary>The convolutional part, rented in the caller's scope: <c>[examples, 6, 4, 512]</c>.</summary>
    private Tensor Features(Tensor x, StageObserver? observe)
    {
        for (var i = 0; i < Plan.Length; i++)
        {
            var (index, outputs, pool) = Plan[i];
            var wide = device.Rent(x.Shape[0], x.Shape[1], x.Shape[2], outputs);
            if (observe is not null)
            {
                Conv2d.Forward(device, x, convolutions[i], wide);
                observe($"features.{index}", wide, StageLayout.Map);
            }

            Conv2d.Forward(device, x, convolutions[i], wide, Activation.Relu);
            observe?.Invoke($"features.{index + 1}", wide, StageLayout.Map);
            x = wide;
            if (!pool) continue;
            x = device.Rent(wide.Shape[0], wide.Shape[1] / 2, wide.Shape[2] / 2, outputs);
            MaxPool2x2.Forward(device, wide, x);
            observe?.Invoke($"features.{index + 2}", x, StageLayout.Map);
        }

        return x;
    }
}
