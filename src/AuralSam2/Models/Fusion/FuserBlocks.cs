using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Models.Fusion;

/// <summary>
/// A block over the image (SPEC 10; PVT v2, Wang et al. 2022): queries at full resolution attend to keys and values of a map reduced
/// 4 x 4 by a convolution; the two layers have a depthwise convolution between them.
/// </summary>
internal sealed class FrameBlock
{
    private const int Channels = AuralFuser.Channels;
    private const int Hidden = 4 * Channels;
    private const int Heads = 4;
    private const int Reduction = 4;

    private readonly Device device;
    private readonly string path;
    private readonly string attentionPath;
    private readonly string mlpPath;
    private readonly NormWeights norm1;
    private readonly PackedMatrix q;
    private readonly ConvWeights reduce;
    private readonly NormWeights reducedNorm;
    private readonly PackedMatrix kv;
    private readonly PackedMatrix projection;
    private readonly NormWeights norm2;
    private readonly PackedMatrix expand;
    private readonly DepthwiseWeights depthwise;
    private readonly PackedMatrix contract;

    public FrameBlock(ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        (path, attentionPath, mlpPath) = (prefix, prefix + ".attn", prefix + ".mlp");
        norm1 = binder.Norm(prefix + ".norm1", Channels, 1e-5f);
        q = binder.Linear(prefix + ".attn.q", Channels, Channels);
        kv = binder.Linear(prefix + ".attn.kv", 2 * Channels, Channels);
        projection = binder.Linear(prefix + ".attn.proj", Channels, Channels);
        reduce = binder.Convolution(prefix + ".attn.sr", Channels, Channels, Reduction, Reduction, padding: 0);
        reducedNorm = binder.Norm(prefix + ".attn.norm", Channels, 1e-5f);
        norm2 = binder.Norm(prefix + ".norm2", Channels, 1e-5f);
        expand = binder.Linear(prefix + ".mlp.fc1", Hidden, Channels);
        depthwise = binder.Depthwise(prefix + ".mlp.dwconv.dwconv", Hidden, kernel: 3);
        contract = binder.Linear(prefix + ".mlp.fc2", Channels, Hidden);
    }

    /// <summary>Runs the block on one frame, in place.</summary>
    /// <param name="x"><c>[grid, grid, 256]</c>.</param>
    public void Forward(Tensor x)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        var (height, width) = (x.Shape[0], x.Shape[1]);
        using (device.Module(attentionPath))
        using (device.Scope())
        {
            Tensor normalised = device.Rent(height, width, Channels), queries = device.Rent(x.Rows, Channels), mixed = device.Rent(x.Rows, Channels);
            var reduced = device.Rent(height / Reduction, width / Reduction, Channels);
            var keysValues = device.Rent(reduced.Rows, 2 * Channels);
            LayerNorm.Forward(device, x, norm1, normalised);
            Gemm.Forward(device, normalised, q, queries);
            Conv2d.Forward(device, normalised, reduce, reduced);
            Gemm.Forward(device, reduced, kv, keysValues, new GemmFusion { Norm = reducedNorm });
            Attention.Forward(device, queries, keysValues.SliceColumns(0, Channels), keysValues.SliceColumns(Channels, Channels), mixed, Heads, dropout: true);
            ResidualBranch.Add(device, mixed, projection, x);
        }

        using var mlp = device.Module(mlpPath);
        Tensor hidden = device.Rent(height, width, Hidden), local = device.Rent(height, width, Hidden);
        Gemm.Forward(device, x, expand, hidden, new GemmFusion { Norm = norm2 });
        DepthwiseConv2d.Forward(device, hidden, depthwise, local, Activation.Gelu);
        Dropout.Forward(device, local, local);
        ResidualBranch.Add(device, local, contract, x);
    }
}

/// <summary>
/// A block over the sound: the same parameters as <see cref="FrameBlock"/>, full attention, no convolutions (theirs exist, unused).
/// </summary>
internal sealed class AudioBlock
{
    private const int Channels = AuralFuser.Channels;
    private const int Heads = 4;

    private readonly Device device;
    private readonly string path;
    private readonly string attentionPath;
    private readonly string mlpPath;
    private readonly NormWeights norm1;
    private readonly PackedMatrix q;
    private readonly PackedMatrix kv;
    private readonly FeedForwardWeights tail;

    public AudioBlock(ParameterBinder binder, string prefix)
    {
        device = binder.Device;
        (path, attentionPath, mlpPath) = (prefix, prefix + ".attn", prefix + ".mlp");
        norm1 = binder.Norm(prefix + ".norm1", Channels, 1e-5f);
        q = binder.Linear(prefix + ".attn.q", Channels, Channels);
        kv = binder.Linear(prefix + ".attn.kv", 2 * Channels, Channels);
        tail = new FeedForwardWeights(
            binder.Linear(prefix + ".attn.proj", Channels, Channels), binder.Norm(prefix + ".norm2", Channels, 1e-5f),
            binder.Linear(prefix + ".mlp.fc1", 4 * Channels, Channels), binder.Linear(prefix + ".mlp.fc2", Channels, 4 * Channels), Activation.Gelu);
        binder.UnusedPair(prefix + ".attn.sr", Channels, Channels, 4, 4);
        binder.UnusedPair(prefix + ".attn.norm", Channels);
        binder.UnusedPair(prefix + ".mlp.dwconv.dwconv", 4 * Channels, 1, 3, 3);
    }

    /// <summary>Runs the block in place.</summary>
    /// <param name="x"><c>[audio tokens, 256]</c>: one sequence over all frames.</param>
    public void Forward(Tensor x)
    {
        using var module = device.Module(path);
        using var scope = device.Scope();
        Tensor queries = device.Rent(x.Rows, Channels), keysValues = device.Rent(x.Rows, 2 * Channels), mixed = device.Rent(x.Rows, Channels);
        using (device.Module(attentionPath))
        {
            Gemm.Forward(device, x, q, queries, new GemmFusion { Norm = norm1 });
            Gemm.Forward(device, x, kv, keysValues, new GemmFusion { Norm = norm1 });
            Attention.Forward(device, queries, keysValues.SliceColumns(0, Channels), keysValues.SliceColumns(Channels, Channels), mixed, Heads, dropout: true);
        }

        using var mlp = device.Module(mlpPath);
        if (!Dropout.IsOn(device))
        {
            FeedForward.Forward(device, x, tail, mixed); // attn.proj is its first step
            return;
        }

        ResidualBranch.Add(device, mixed, tail.Projection!, x);
        var hidden = device.Rent(x.Rows, 4 * Channels);
        Gemm.Forward(device, x, tail.Expand, hidden, new GemmFusion { Norm = tail.Norm, Activation = tail.Activation });
        Dropout.Forward(device, hidden, hidden);
        ResidualBranch.Add(device, hidden, tail.Contract, x);
    }
}
