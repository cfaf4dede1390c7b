namespace AuralSam2.Kernels.Ops;

/// <summary>What the gradient of an attention reads and adds to; see <see cref="Attention"/> for the shapes.</summary>
/// <param name="Dy">Gradient of y.</param>
/// <param name="Q">Queries, as they were.</param>
/// <param name="K">Keys, as they were.</param>
/// <param name="V">Values, as they were.</param>
/// <param name="Y">The result; read on a CPU, where there is a softmax.</param>
/// <param name="LogSums"><c>[batch * heads, queries]</c>: binary logarithms of the softmaxes' sums; read on a CPU, where there is a softmax.</param>
/// <param name="Dq">Added to; empty: not wanted.</param>
/// <param name="Dk">Added to; empty: not wanted.</param>
/// <param name="Dv">Added to; empty: not wanted.</param>
/// <param name="Heads">Number of heads.</param>
internal readonly record struct AttentionGradientOperands(
    Tensor Dy, Tensor Q, Tensor K, Tensor V, Tensor Y, Tensor LogSums, Tensor Dq, Tensor Dk, Tensor Dv, int Heads)
{
    /// <summary>When not 0: no softmax, the scores times this factor are the weights.</summary>
    public float LinearScale { get; init; }

    /// <summary>What the forward pass dropped.</summary>
    public AttentionDropout Dropout { get; init; }

    /// <summary>Sequences, the heads of each apart.</summary>
    public int Sequences => Heads * (Q.Shape.Rank == 3 ? Q.Shape[0] : 1);

    /// <summary>Queries of a sequence.</summary>
    public int Queries => Sequences == 0 ? 0 : Q.Rows / (Sequences / Heads);

    /// <summary>Keys of a sequence.</summary>
    public int Keys => Sequences == 0 ? 0 : K.Rows / (Sequences / Heads);

    /// <summary>Channels of a query and of a key.</summary>
    public int HeadDim => Q.Columns / Heads;

    /// <summary>Channels of a value.</summary>
    public int ValueDim => V.Columns / Heads;

    /// <summary>Whether the gradient of the scores is needed, not only that of the values.</summary>
    public bool WantsScores => !Dq.IsEmpty || !Dk.IsEmpty;
}

/// <summary>
/// The gradient of attention, y = (P o M) v with P = softmax(q k^T / sqrt(d)) and M a dropout's factors. The weights are computed again, a
/// block of queries and keys at a time, from the log-sums of the forward pass (Dao et al. 2022): dv += (P o M)^T dy; dS = P o (M o (dy v^T) - D)
/// with D = sum(dy y) per query; dq += dS k / sqrt(d); dk += dS^T q / sqrt(d). Without a softmax dS is dy v^T.
/// </summary>
internal static class AttentionGradient
{
    /// <summary>Adds the gradients that are wanted.</summary>
    public static void Run(Device device, string op, in AttentionGradientOperands operands)
    {
        var o = operands;
        if (o.Q.Rows == 0) return;
        using var timing = device.Time(
            $"{op}.Gradient", Flops(o), 4.0 * ((2 * o.Q.Length) + (2 * o.K.Length) + (2 * o.V.Length) + (2 * o.Dy.Length)),
            $"q {o.Q.Rows} k {o.Keys} h {o.Heads} d {o.HeadDim}{(o.ValueDim == o.HeadDim ? "" : $" v {o.ValueDim}")}");
        switch (device)
        {
            case CpuDevice cpu: AttentionGradientCpu.Run(cpu, o); break;
            case IlgpuDevice gpu: AttentionGradientGpu.Run(gpu, o); break;
            default: throw device.Unsupported($"{op}.Gradient");
        }
    }

    /// <summary>Declared operations: the scores, and for what is wanted the weights' gradient and the products into q, k and v.</summary>
    private static double Flops(in AttentionGradientOperands o)
    {
        var widths = o.HeadDim + (o.WantsScores ? o.ValueDim : 0) +
            (o.Dq.IsEmpty ? 0 : o.HeadDim) + (o.Dk.IsEmpty ? 0 : o.HeadDim) + (o.Dv.IsEmpty ? 0 : o.ValueDim);
        return 2.0 * o.Sequences * o.Queries * o.Keys * widths;
    }
}
