namespace AuralSam2.Kernels.Ops;

/// <summary>The second half of a pre-norm transformer block.</summary>
/// <param name="Projection">Output projection of the attention before it, <c>[channels, attention channels]</c>; null when there is none.</param>
/// <param name="Norm">Layer norm in front of the two layers.</param>
/// <param name="Expand"><c>[hidden, channels]</c>.</param>
/// <param name="Contract"><c>[channels, hidden]</c>.</param>
/// <param name="Activation">Between the two layers.</param>
public readonly record struct FeedForwardWeights(
    PackedMatrix? Projection, NormWeights Norm, PackedMatrix Expand, PackedMatrix Contract, Activation Activation);

/// <summary>
/// x += P a; x += W2 act(W1 norm(x)). One op: for a block of rows the attention's projection, both residual connections, the norm and the
/// hidden layer stay in cache, so the hidden layer (four times as wide as x) never reaches memory.
/// </summary>
public static class FeedForward
{
    /// <summary>Runs it in place.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="x"><c>[rows, channels]</c>: the residual stream, updated.</param>
    /// <param name="weights">Projection, norm and the two layers.</param>
    /// <param name="attention"><c>[rows, attention channels]</c>, the attention's output before its projection; absent when there is no
    /// projection.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Forward(Device device, Tensor x, in FeedForwardWeights weights, Tensor attention = default)
    {
        var w = weights;
        OpArguments.Require(
            w.Expand.Inputs == x.Columns && w.Contract.Outputs == x.Columns && w.Contract.Inputs == w.Expand.Outputs,
            "FeedForward", $"x {x}, expand [{w.Expand.Outputs}, {w.Expand.Inputs}], contract [{w.Contract.Outputs}, {w.Contract.Inputs}]");
        OpArguments.Require(
            (w.Projection is null) == attention.IsEmpty,
            "FeedForward", $"a projection and an attention output belong together: {attention}");
        OpArguments.Require(
            w.Projection is null || (attention.Rows == x.Rows && attention.Columns == w.Projection.Inputs && w.Projection.Outputs == x.Columns),
            "FeedForward", $"attention {attention} for x {x}");
        OpArguments.Require(
            w.Norm.Weight.Length == x.Columns && w.Norm.Bias.Length == x.Columns,
            "FeedForward", $"norm weight {w.Norm.Weight}, bias {w.Norm.Bias} for x {x}");
        if (device.Recording(
            "FeedForward", x,
            [
                x, attention, w.Projection?.Weight ?? default, w.Projection?.Bias ?? default, w.Norm.Weight, w.Norm.Bias, w.Expand.Weight,
                w.Expand.Bias, w.Contract.Weight, w.Contract.Bias,
            ]) is not null)
        {
            RunParts(device, x, w, attention);
            return;
        }

        var flops = Gemm.Flops(x.Rows, w.Expand) + Gemm.Flops(x.Rows, w.Contract) + (w.Projection is null ? 0 : Gemm.Flops(x.Rows, w.Projection));
        var attentionFloats = w.Projection is null ? 0 : attention.Length + ((double)w.Projection.Inputs * w.Projection.Outputs);
        using var timing = device.Time(
            "FeedForward", flops, 4.0 * ((2 * x.Length) + attentionFloats + (2.0 * w.Expand.Inputs * w.Expand.Outputs)),
            $"m {x.Rows} n {x.Columns} k {w.Expand.Outputs}");
        switch (device)
        {
            case CpuDevice cpu: FeedForwardCpu.Run(cpu, x, w, attention); break;
            case IlgpuDevice gpu: FeedForwardGpu.Run(gpu, x, w, attention); break;
            default: throw device.Unsupported("FeedForward");
        }
    }

    /// <summary>The same as ops that have gradients of their own: these need the hidden layer anyway.</summary>
    private static void RunParts(Device device, Tensor x, in FeedForwardWeights w, Tensor attention)
    {
        using var scope = device.Scope();
        if (w.Projection is { } projection) Gemm.Forward(device, attention, projection, x, new GemmFusion { Residual = x });
        var hidden = device.Rent(x.Rows, w.Expand.Outputs);
        Gemm.Forward(device, x, w.Expand, hidden, new GemmFusion { Norm = w.Norm, Activation = w.Activation });
        Gemm.Forward(device, hidden, w.Contract, x, new GemmFusion { Residual = x });
    }
}
