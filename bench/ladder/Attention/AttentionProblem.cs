using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Ladder;

/// <summary>softmax(q k^T / sqrt(d)) v per head, of a sequence to itself.</summary>
internal sealed class AttentionProblem : Problem
{
    private double[][][]? keys;
    private double[][][]? values;

    /// <summary>Makes the operands.</summary>
    public AttentionProblem(CpuDevice device, int tokens, int heads, int headDim)
        : base(device, tokens, heads * headDim)
    {
        Heads = heads;
        Q = Random("q", 0, tokens, heads * headDim);
        K = Random("k", 0, tokens, heads * headDim);
        V = Random("v", 0, tokens, heads * headDim);
    }

    /// <summary><c>[tokens, heads * d]</c>, as are the others.</summary>
    public Tensor Q { get; }

    public Tensor K { get; }

    public Tensor V { get; }

    public int Heads { get; }

    public int Tokens => Y.Rows;

    public int HeadDim => Channels / Heads;

    /// <summary>Floats from a token to the next.</summary>
    public int Channels => Y.Columns;

    /// <summary>1 / sqrt(d).</summary>
    public float Scale => 1 / MathF.Sqrt(HeadDim);

    /// <inheritdoc/>
    public override double Flops => Attention.Flops(Tokens, Tokens, Channels, Channels);

    /// <remarks>Two sums over tokens, of weights and of weighted values, in the first rungs each a single chain; and the scores.</remarks>
    public override double Budget => (2 * ReferenceMath.SumBudget(Tokens)) + ReferenceMath.SumBudget(HeadDim);

    /// <summary>Scores of one row, padded to whole panels of any vector width.</summary>
    public Tensor ScoreRows(int rows) => Allocate(rows, (Tokens + 47) / 48 * 48);

    /// <inheritdoc/>
    protected override double[] ReferenceRow(int row)
    {
        keys ??= Split(K);
        values ??= Split(V);
        var q = Row(Q, row);
        return [.. Enumerable.Range(0, Heads).SelectMany(h => ReferenceMath.Attend(q[Columns(h)], keys[h], values[h]))];
    }

    private Range Columns(int head) => (head * HeadDim)..((head + 1) * HeadDim);

    /// <summary><c>[heads][tokens][d]</c>.</summary>
    private double[][][] Split(Tensor tensor)
    {
        double[][] rows = [.. Enumerable.Range(0, Tokens).Select(i => Row(tensor, i))];
        return [.. Enumerable.Range(0, Heads).Select(h => rows.Select(row => row[Columns(h)]).ToArray())];
    }
}
