using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Where the tokens of a sequence, or of a window, lie in the rows of the operands.</summary>
internal interface ITokenMap
{
    /// <summary>Whether there are padding tokens.</summary>
    static abstract bool HasPadding { get; }

    /// <summary>The row of q of a query, or of one of the tokens whose maximum it is; -1 for the padding token.</summary>
    int Query(int sequence, int query, int corner);

    /// <summary>The row of k and v of a key; -1 for the padding token.</summary>
    int Key(int sequence, int key);

    /// <summary>The row of y of a query; -1 when its result is dropped.</summary>
    int Output(int sequence, int query);
}

/// <summary>Arguments of every attention kernel.</summary>
/// <param name="Q">Queries.</param>
/// <param name="K">Keys.</param>
/// <param name="V">Values.</param>
/// <param name="Target">Rows that results go to: y, or those of one split after another.</param>
/// <param name="TargetStride">Quads from row to row of the target.</param>
/// <param name="TargetHead">Quads from head to head of the target.</param>
/// <param name="Statistics">Maximum and sum of the weights of each row of the target; nothing when the target is y.</param>
/// <param name="Map">Where tokens lie.</param>
/// <param name="Plan">How the work is cut.</param>
/// <param name="Scale">Factor of the scores; for a softmax it includes log2(e).</param>
/// <param name="Softmax">0: the scores are the weights.</param>
/// <param name="WholeQuads">1: rows and heads of q, k and v consist of whole, aligned quads.</param>
/// <param name="Combines">1: results go to <see cref="FlashCombine"/>.</param>
internal readonly record struct FlashArguments<TMap>(
    TokenRows Q, TokenRows K, TokenRows V, ArrayView<Float4> Target, int TargetStride, int TargetHead, ArrayView<float> Statistics,
    TMap Map, FlashPlan Plan, float Scale, int Softmax, int WholeQuads, int Combines)
    where TMap : unmanaged, ITokenMap;

/// <summary>Rows of q, k, v or y.</summary>
/// <param name="headDim">Channels of a head.</param>
/// <param name="rows">The rows.</param>
/// <param name="quads">The same in quads; empty where rows or heads do not consist of whole, aligned quads.</param>
/// <param name="quadStride">Quads from row to row; 0 where there are none.</param>
/// <param name="padding">The row of a padding token.</param>
/// <param name="paddingQuads">The same in quads.</param>
internal readonly struct TokenRows(
    int headDim, RowView rows, ArrayView<Float4> quads, int quadStride, ArrayView<float> padding, ArrayView<Float4> paddingQuads)
{
    public readonly int HeadDim = headDim;
    public readonly RowView Rows = rows;
    public readonly ArrayView<Float4> Quads = quads;
    public readonly int QuadStride = quadStride;
    public readonly ArrayView<float> Padding = padding;
    public readonly ArrayView<Float4> PaddingQuads = paddingQuads;

    /// <summary>Four channels with one load; for a padding token those of the first token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Quad(int row, int quad) => Quads[(IntrinsicMath.Max(row, 0) * QuadStride) + quad];

    /// <summary>One channel.</summary>
    public float Element<TMap>(int row, int column)
        where TMap : unmanaged, ITokenMap
        => TMap.HasPadding && row < 0 ? Padding[column] : Rows[row, column];
}

/// <summary>Four entries of a table of token rows.</summary>
internal readonly struct Rows4
{
    public readonly int Row0;
    public readonly int Row1;
    public readonly int Row2;
    public readonly int Row3;
}

/// <summary>Where the results of a thread's eight queries go.</summary>
/// <param name="data">All rows.</param>
/// <param name="stride">Quads from row to row.</param>
/// <param name="column">The head's first quad.</param>
/// <param name="quads">Quads of a head.</param>
/// <param name="left">Rows of the first four queries; -1 where the result is dropped.</param>
/// <param name="right">Rows of the others.</param>
internal readonly struct FlashTarget<TMap>(ArrayView<Float4> data, int stride, int column, int quads, Rows4 left, Rows4 right)
    where TMap : unmanaged, ITokenMap
{
    public readonly int Quads = quads;
    public readonly Rows4 Left = left;
    public readonly Rows4 Right = right;
    private readonly ArrayView<Float4> data = data;
    private readonly int stride = stride;
    private readonly int column = column;

    /// <summary>Stores four channels of a query times a factor.</summary>
    public void Store(int row, int quad, float factor, Float4 value)
    {
        if (TMap.HasPadding && row < 0) return;
        data[((long)row * stride) + (column + quad)] = new(value.X * factor, value.Y * factor, value.Z * factor, value.W * factor);
    }
}
