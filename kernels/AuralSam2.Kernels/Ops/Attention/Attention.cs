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
    /// <exception cref="ArgumentException">The shapes disagree, or there are no keys.</exception>
    public static void Forward(Device device, Tensor q, Tensor k, Tensor v, Tensor y, int heads)
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
        int d = q.Columns / heads, dv = v.Columns / heads;
        using var timing = device.Time(
            "Attention", Flops(q.Rows, batch == 0 ? 0 : k.Rows / batch, q.Columns, v.Columns),
            4.0 * (q.Length + k.Length + v.Length + y.Length),
            $"q {q.Rows} k {k.Rows} h {heads} d {d}{(dv == d ? "" : $" v {dv}")}");
        switch (device)
        {
            case CpuDevice cpu: AttentionCpu.Run(cpu, q, k, v, y, heads, batch); break;
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
