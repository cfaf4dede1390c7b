namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Scaled dot-product attention, softmax(q k^T / sqrt(d)) v per head, without a score matrix: keys are visited in blocks with a running
/// maximum and sum (online softmax, Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022).
/// </summary>
public static class Attention
{
    /// <summary>Attention of one sequence to another, or to itself.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="q"><c>[batch, queries, heads * d]</c> or <c>[queries, heads * d]</c>; rows may be strided (a slice of a fused qkv).</param>
    /// <param name="k"><c>[batch, keys, heads * d]</c> or <c>[keys, heads * d]</c>.</param>
    /// <param name="v">Shape of <paramref name="k"/>.</param>
    /// <param name="y">Shape of <paramref name="q"/>.</param>
    /// <param name="heads">Number of heads; head h owns columns h * d .. (h + 1) * d - 1.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or there are no keys.</exception>
    public static void Forward(Device device, Tensor q, Tensor k, Tensor v, Tensor y, int heads)
    {
        OpArguments.Require(
            heads > 0 && q.Columns % heads == 0 && k.Columns == q.Columns && v.Columns == q.Columns && y.Columns == q.Columns,
            "Attention", $"q {q}, k {k}, v {v}, y {y}, {heads} heads");
        OpArguments.Require(
            q.Shape.Rank is 2 or 3 && k.Shape.Rank == q.Shape.Rank && v.Shape == k.Shape && y.Shape == q.Shape,
            "Attention", $"q {q}, k {k}, v {v}, y {y}");
        OpArguments.Require(q.Shape.Rank == 2 || q.Shape[0] == k.Shape[0], "Attention", $"batches of q {q} and k {k}");
        var batch = q.Shape.Rank == 3 ? q.Shape[0] : 1;
        OpArguments.Require(batch == 0 || k.Rows / batch > 0, "Attention", $"no keys: {k}");
        using var timing = device.Time(
            "Attention", Flops(q.Rows, batch == 0 ? 0 : k.Rows / batch, q.Columns), 4.0 * ((2 * q.Length) + (2 * k.Length)),
            $"q {q.Rows} k {k.Rows} h {heads} d {q.Columns / heads}");
        switch (device)
        {
            case CpuDevice cpu: AttentionCpu.Run(cpu, q, k, v, y, heads, batch); break;
            case IlgpuDevice gpu: AttentionGpu.Run(gpu, q, k, v, y, heads, batch); break;
            default: throw device.Unsupported("Attention");
        }
    }

    /// <summary>Declared operations: two products of queries x keys x channels.</summary>
    internal static double Flops(double queries, double keys, double channels) => 4.0 * queries * keys * channels;
}
