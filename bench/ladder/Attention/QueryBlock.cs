using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

/// <summary>128 queries of one head against a run of keys, by the tile of Ops/Gemm. Rungs share it.</summary>
internal sealed unsafe class QueryBlock
{
    private readonly AttentionProblem problem;
    private readonly AttentionPanels panels;
    private readonly Tensor queries;
    private readonly Tensor scores;
    private readonly Tensor sums;
    private readonly float[] tops = new float[FlashTile.MaxQueries];
    private readonly float[] totals = new float[FlashTile.MaxQueries];

    /// <summary>Allocates scores.</summary>
    /// <param name="problem">The operands.</param>
    /// <param name="panels">Its packed keys and values.</param>
    /// <param name="mostPanels">Panels of keys in a run, at most.</param>
    public QueryBlock(AttentionProblem problem, AttentionPanels panels, int mostPanels)
    {
        (this.problem, this.panels) = (problem, panels);
        queries = problem.Allocate(FlashTile.MaxQueries, problem.HeadDim);
        scores = problem.Allocate(FlashTile.MaxQueries, mostPanels * panels.Columns);
        sums = problem.Allocate(FlashTile.MaxQueries, panels.ValueColumns);
        problem.Device.Fill(queries, 0);
    }

    /// <summary>Takes queries; nothing is summed yet.</summary>
    public void Begin(int first, int head)
    {
        var rows = Math.Min(FlashTile.MaxQueries, problem.Tokens - first);
        problem.Device.Copy(
            problem.Q.Slice(first, rows).SliceColumns(head * problem.HeadDim, problem.HeadDim), queries.Slice(0, rows));
        Array.Fill(tops, float.NegativeInfinity);
        Array.Clear(totals);
    }

    /// <summary>Adds the values of a run of keys, weighted; what was summed under a smaller maximum shrinks.</summary>
    public void Add<S, V>(int firstPanel, int count)
        where S : struct, ISimd<V>
        where V : struct
    {
        var firstKey = firstPanel * panels.Columns;
        var keys = Math.Min(count * panels.Columns, problem.Tokens - firstKey);
        for (var panel = 0; panel < count; panel++)
        {
            Tiles<S, V>(
                queries.Pointer, queries.RowStride, panels.Keys(firstPanel + panel), panels.Columns, problem.HeadDim,
                scores.Pointer + (panel * panels.Columns), scores.RowStride, accumulate: false);
        }

        for (var r = 0; r < FlashTile.MaxQueries; r++)
        {
            var row = scores.Pointer + ((nint)r * scores.RowStride);
            var correction = AttentionExpPolynomial.Exponentials<S, V>(row, keys, problem.Scale, ref tops[r], ref totals[r]);
            if (firstPanel > 0 && correction != 1) Scale<S, V>(sums.Pointer + ((nint)r * sums.RowStride), correction);
        }

        for (var c = 0; c < panels.ValueColumns; c += panels.Columns)
        {
            Tiles<S, V>(
                scores.Pointer, scores.RowStride, panels.Values(firstKey) + c, panels.ValueColumns, keys,
                sums.Pointer + c, sums.RowStride, accumulate: firstPanel > 0);
        }
    }

    /// <summary>Stores the normalised result.</summary>
    public void End(int first, int head)
    {
        for (var r = 0; r < Math.Min(FlashTile.MaxQueries, problem.Tokens - first); r++)
        {
            var source = sums.Pointer + ((nint)r * sums.RowStride);
            var target = problem.Y.Pointer + ((nint)(first + r) * problem.Channels) + (head * problem.HeadDim);
            var factor = 1 / totals[r];
            for (var c = 0; c < problem.HeadDim; c++) target[c] = source[c] * factor;
        }
    }

    /// <summary>c (+)= a b, three vectors wide.</summary>
    private static void Tiles<S, V>(float* a, nint strideA, float* b, nint strideB, int k, float* c, nint strideC, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        var tile = new GemmTile.Operands
        {
            StrideA = strideA,
            B = b,
            StrideB = strideB,
            StrideC = strideC,
            StrideResidual = strideC,
            K = k,
        };
        for (var i = 0; i < FlashTile.MaxQueries; i += S.TileRows)
        {
            tile.A = a + (i * strideA);
            tile.C = c + (i * strideC);
            tile.Residual = accumulate ? tile.C : null;
            GemmTile.Run<S, V>(3, tile);
        }
    }

    private void Scale<S, V>(float* row, float factor)
        where S : struct, ISimd<V>
        where V : struct
    {
        var f = S.Create(factor);
        for (var c = 0; c < panels.ValueColumns; c += S.Width) S.Store(S.Mul(S.Load(row + c), f), row + c);
    }
}
