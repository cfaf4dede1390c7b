namespace AuralSam2.Kernels.Ops;

/// <summary>
/// AuralFuser's audio-visual product: attention without a softmax, y = (q k^T / n) v, where n is the number of pixels of all frames.
/// (TPAVI's "dot" mode, Zhou et al. 2022.)
/// </summary>
public static class DotProductFusion
{
    /// <summary>Runs the product; the score matrix is never stored.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="q"><c>[queries, channels]</c>.</param>
    /// <param name="k"><c>[keys, channels]</c>.</param>
    /// <param name="v"><c>[keys, channels]</c>.</param>
    /// <param name="y"><c>[queries, channels]</c>.</param>
    /// <param name="scale">1 / n, positive.</param>
    /// <exception cref="ArgumentException">The shapes disagree, there are no keys, or the scale is not a positive number.</exception>
    public static void Forward(Device device, Tensor q, Tensor k, Tensor v, Tensor y, float scale)
    {
        OpArguments.Require(
            q.Shape.Rank == 2 && k.Columns == q.Columns && v.Shape == k.Shape && y.Shape == q.Shape && k.Rows > 0,
            "DotProductFusion", $"q {q}, k {k}, v {v}, y {y}");
        OpArguments.Require(scale > 0 && float.IsFinite(scale), "DotProductFusion", $"scale {scale}");
        var record = device.Recording("DotProductFusion", y, [q, k, v]);
        if (record is null)
        {
            Run(device, q, k, v, y, scale);
            return;
        }

        // A few sounds meet many pixels: the products of attention's gradient, without its softmax, are the cheapest association.
        var (wantsQ, wantsK, wantsV) = (record.Wants(q), record.Wants(k), record.Wants(v));
        Tensor savedQ = record.Save(q), savedK = record.Save(k), savedV = record.Save(v);
        Run(device, q, k, v, y, scale);
        record.Commit(y, () =>
        {
            var operands = new AttentionGradientOperands(
                record.Gradient(y), savedQ, savedK, savedV, Y: default, LogSums: default, wantsQ ? record.Gradient(q) : default,
                wantsK ? record.Gradient(k) : default, wantsV ? record.Gradient(v) : default, Heads: 1);
            AttentionGradient.Run(device, "DotProductFusion", operands with { LinearScale = scale });
        });
    }

    private static void Run(Device device, Tensor q, Tensor k, Tensor v, Tensor y, float scale)
    {
        using var timing = device.Time(
            "DotProductFusion", Attention.Flops(q.Rows, k.Rows, q.Columns, v.Columns), 4.0 * ((2 * q.Length) + (2 * k.Length)),
            $"q {q.Rows} k {k.Rows} d {q.Columns}");
        switch (device)
        {
            case CpuDevice cpu: DotProductFusionCpu.Run(cpu, q, k, v, y, scale); break;
            case IlgpuDevice gpu: AttentionGpu.Run(gpu, q, k, v, y, heads: 1, batch: 1, linearScale: scale); break;
            default: throw device.Unsupported("DotProductFusion");
        }
    }
}
