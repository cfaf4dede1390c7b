using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace AuralSam2.Bench.Torch;

/// <summary>y = x W^T + b.</summary>
internal sealed record Linear(Tensor Weight, Tensor Bias)
{
    public Tensor Forward(Tensor x) => F.linear(x, Weight, Bias);
}

/// <summary>Layer norm over the last dimension.</summary>
internal sealed record Norm(Tensor Weight, Tensor Bias, double Epsilon)
{
    public Tensor Forward(Tensor x) => F.layer_norm(x, [Weight.shape[0]], Weight, Bias, Epsilon);
}

/// <summary>Batch norm while it learns: normalises with the batch's statistics, and moves the running ones.</summary>
internal sealed record BatchNorm(Tensor Weight, Tensor Bias, Tensor RunningMean, Tensor RunningVariance)
{
    /// <summary><c>[rows, channels]</c>, or <c>[n, channels, h, w]</c>.</summary>
    public Tensor Forward(Tensor x) => F.batch_norm(x, RunningMean, RunningVariance, Weight, Bias, training: true, momentum: 0.1, eps: 1e-5);
}

/// <summary>
/// A convolution of maps <c>[n, h, w, c]</c>. Those that lie channel-last PyTorch sees as channels_last: no copies before or after.
/// </summary>
internal sealed record Convolution(Tensor Weight, Tensor Bias, long Stride, long Padding, long Groups)
{
    public Tensor Forward(Tensor x)
    {
        var y = F.conv2d(x.permute(0, 3, 1, 2), Weight, Bias, strides: [Stride, Stride], padding: [Padding, Padding], groups: Groups);
        return y.permute(0, 2, 3, 1);
    }
}

/// <summary>The same for a transposed convolution that doubles height and width.</summary>
internal sealed record TransposedConvolution(Tensor Weight, Tensor Bias)
{
    public Tensor Forward(Tensor x) => F.conv_transpose2d(x.permute(0, 3, 1, 2), Weight, Bias, strides: [2, 2]).permute(0, 2, 3, 1);
}

internal static class Products
{
    /// <summary>left right + addend, for a batch of matrices. In TorchSharp 0.107.0 baddbmm takes the addend last, whatever it calls it.</summary>
    public static Tensor AddBatched(Tensor addend, Tensor left, Tensor right) => left.baddbmm(right, addend);

    /// <summary>Applies the layers of a head, ReLU between them.</summary>
    public static Tensor Forward(this Linear[] layers, Tensor x)
    {
        for (var i = 0; i < layers.Length; i++)
        {
            x = layers[i].Forward(x);
            if (i < layers.Length - 1) x = x.relu_();
        }

        return x;
    }
}
