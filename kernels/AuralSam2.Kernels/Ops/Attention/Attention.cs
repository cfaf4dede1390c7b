namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Scaled dot-product attention, softmax(q k^T / sqrt(d)) v per head, without a score matrix: keys are visited in blocks with a running
/// maximum and sum (online softmax, Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022). Values may be of another width than
/// queries and keys.
/// </summary>
public static class Attention
{
    /// <summary>Attention of one sequence to another, or to itself.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="q"><c>[batch, queries, heads * d]</c> or <c>[queries, heads * d]</c>; rows may be strided (a slice of a fused qkv).</param>
    /// <param name="k"><c>[batch, keys, heads * d]</c> or <c>[keys, heads * d]</c>.</param>
    /// <param name="v"><c>[batch, keys, heads * dv]</c> or <c>[keys, heads * dv]</c>.</param>
    /// <param name="y"><c>[batch, queries, heads * dv]</c> or <c>[queries, heads * dv]</c>.</param>
    /// <param name="heads">
    /// Number of heads; head h owns columns h * d .. (h + 1) * d - 1 of q and k, and h * dv .. (h + 1) * dv - 1 of v and y.
    /// </param>
    /// <param name="dropout">
    /// Whether probabilities are dropped, at the rate of the tape's <see cref="Tape.Dropout"/>, while a tape records.
    /// </param>
    /// <exception cref="ArgumentException">The shapes disagree, or there are no keys.</exception>
    public static void Forward(Device device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, bool dropout = false) =>
        Forward(device, q, k, v, y, heads, dropout && device.Tape is { Dropout.Rate: > 0 } tape ? AttentionDropout.Next(tape) : default);

    /// <summary>Attention with a given dropout, whether a tape records or not.</summary>
    internal static void Forward(Device device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, AttentionDropout dropout)
    {
        OpArguments.Require(
            heads > 0 && q.Columns % heads == 0 && k.Columns == q.Columns && v.Columns % heads == 0 && y.Columns == v.Columns,
            "Attention", $"q {q}, k {k}, v {v}, y {y}, {heads} heads");
        OpArguments.Require(
            q.Shape.Rank is 2 or 3 && k.Shape.Rank == q.Shape.Rank && SameRows(v, k) && SameRows(y, q),
            "Attention", $"q {q}, k {k}, v {v}, y {y}");
        OpArguments.Require(q.Shape.Rank == 2 || q.Shape[0] == k.Shape[0], "Attention", $"batches of q {q} and k {k}");
        var batch = q.Shape.Rank == 3 ? q.Shape[0] : 1;
        OpArguments.Require(batch == 0 || k.Rows / batch > 0, "Attention", $"no keys: {k}");
        var record = device.Recording("Attention", y, [q, k, v]);
        if (record is null)
        {
            Run(device, q, k, v, y, heads, dropout);
            return;
        }

        var (wantsQ, wantsK, wantsV) = (record.Wants(q), record.Wants(k), record.Wants(v));
        Tensor savedQ = record.Save(q), savedK = record.Save(k), savedV = record.Save(v);
        var logSums = batch == 0 ? default : record.Reserve(batch * heads, q.Rows / batch);
        Run(device, q, k, v, y, heads, dropout, logSums);
        var saved = wantsQ || wantsK ? record.SaveResult(y) : y;
        record.Commit(y, () =>
        {
            var operands = new AttentionGradientOperands(
                record.Gradient(y), savedQ, savedK, savedV, saved, logSums, wantsQ ? record.Gradient(q) : default,
                wantsK ? record.Gradient(k) : default, wantsV ? record.Gradient(v) : default, heads);
            AttentionGradient.Run(device, "Attention", operands with { Dropout = dropout });
        });
    }

    /// <summary>
    /// Computes, and writes the log-sums <c>[batch * heads, queries]</c> where they are asked for (on a CPU: a GPU's gradient sums again);
    /// never recorded.
    /// </summary>
    internal static void Run(
        Device device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, AttentionDropout dropout = default, Tensor logSums = default)
    {
        var batch = q.Shape.Rank == 3 ? q.Shape[0] : 1;
        int d = q.Columns / heads, dv = v.Columns / heads;
        using var timing = device.Time(
            "Attention", Flops(q.Rows, batch == 0 ? 0 : k.Rows / batch, q.Columns, v.Columns),
            4.0 * (q.Length + k.Length + v.Length + y.Length),
            $"q {q.Rows} k {k.Rows} h {heads} d {d}{(dv == d ? "" : $" v {dv}")}");
        switch (device)
        {
            case CpuDevice cpu: AttentionCpu.Run(cpu, q, k, v, y, heads, batch, dropout: dropout, logSums: logSums); break;
            case IlgpuDevice gpu when dropout.IsOn: AttentionGradientGpu.RunForward(gpu, q, k, v, y, heads, batch, dropout); break;
            case IlgpuDevice gpu: AttentionGpu.Run(gpu, q, k, v, y, heads, batch); break;
            default: throw device.Unsupported("Attention");
        }
    }

    /// <summary>Declared operations: queries times keys, and weights times values.</summary>
    internal static double Flops(double queries, double keys, double channels, double valueChannels) =>
        2.0 * queries * keys * (channels + valueChannels);

    /// <summary>Whether shapes agree but for their columns.</summary>
    private static bool SameRows(Tensor a, Tensor b) => a.Shape.Rank == b.Shape.Rank && a.Shape[0] == b.Shape[0] && a.Rows == b.Rows;
}
