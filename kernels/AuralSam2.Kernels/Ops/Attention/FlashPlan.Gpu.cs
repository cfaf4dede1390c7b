using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>What a launch computes: so many sequences (or windows) times heads, each with these queries and keys.</summary>
/// <param name="Sequences">Pairs of a sequence and a head.</param>
/// <param name="Queries">Queries of each.</param>
/// <param name="Keys">Keys of each.</param>
/// <param name="HeadDim">Channels of a head, d.</param>
/// <param name="Corners">Tokens whose maximum is a query.</param>
internal readonly record struct FlashShape(int Sequences, int Queries, int Keys, int HeadDim, int Corners);

/// <summary>
/// How an attention kernel cuts its work: who owns which sums, the blocks of queries and keys, and what lies where in shared memory.
/// </summary>
/// <remarks>
/// A group takes a block of queries and a share of the keys (a split). Its threads form a grid of rows x lanes: a row owns eight queries,
/// the lanes share the keys of a tile and the channels of the outputs. With few threads the lanes cannot own all channels at once: the
/// outputs are then made in several passes over the weights, and there is one block of keys per split, because sums that wait in registers
/// for the next block can be those of one pass only.
/// </remarks>
internal readonly record struct FlashPlan
{
    /// <summary>Keys after which the running maximum and sum move on, where there is a choice.</summary>
    private const int PreferredBlock = 64;

    /// <summary>Channels that are staged at a time on a GPU.</summary>
    private const int PreferredDepth = 16;

    public FlashShape Shape { get; private init; }

    /// <summary>Rows of threads are 2^RowBits.</summary>
    public int RowBits { get; private init; }

    /// <summary>Lanes are 2^LaneBits.</summary>
    public int LaneBits { get; private init; }

    /// <summary>Keys whose scores the group holds in registers at a time are 2^TileBits.</summary>
    public int TileBits { get; private init; }

    /// <summary>Channels of queries and keys that are staged at a time: a multiple of eight.</summary>
    public int Depth { get; private init; }

    /// <summary>Keys of a block: whole tiles.</summary>
    public int BlockKeys { get; private init; }

    /// <summary>Keys of a split: whole blocks.</summary>
    public int SplitKeys { get; private init; }

    /// <summary>Groups that share the keys of a block of queries.</summary>
    public int Splits { get; private init; }

    /// <summary>Quads of channels that the lanes own in one pass.</summary>
    public int PassQuads { get; private init; }

    /// <summary>Values that are staged at a time.</summary>
    public int ValueBits { get; private init; }

    public int ValueKeys => 1 << ValueBits;

    /// <summary>Quads of one of the two buffers that slices pass through.</summary>
    public int BufferQuads { get; private init; }

    public int Rows => 1 << RowBits;

    public int Lanes => 1 << LaneBits;

    public int Threads => 1 << (RowBits + LaneBits);

    public int HeadQuads => (Shape.HeadDim + 3) / 4;

    public int TileKeys => 1 << TileBits;

    /// <summary>Quads of queries in a block.</summary>
    public int QueryQuads => 2 << RowBits;

    public int BlockQueries => 8 << RowBits;

    public int QueryBlocks => (Shape.Queries + BlockQueries - 1) / BlockQueries;

    /// <summary>Quads from one channel of the staged queries to the next, and from the weights of one key to the next: odd, against bank conflicts.</summary>
    public int QueryStride => QueryQuads + 1;

    /// <summary>Quads from one channel of the staged keys to the next: odd, against bank conflicts.</summary>
    public int KeyStride => (TileKeys / 4) + 1;

    /// <summary>Slices in which queries and keys are staged. The queries of a single slice stay for all keys.</summary>
    public int Slices => (Shape.HeadDim + Depth - 1) / Depth;

    public int BuffersAt => Slices == 1 ? Depth * QueryStride : 0;

    public int ScoresAt => BuffersAt + (2 * BufferQuads);

    public int MaximaAt => ScoresAt + (BlockKeys * QueryStride);

    public int SumsAt => MaximaAt + (QueryQuads << LaneBits);

    /// <summary>Tables of token rows, in fours: queries, their further corners, results, then the keys of the block.</summary>
    public int TablesAt => SumsAt + (QueryQuads << LaneBits);

    public int OutputTableAt => TablesAt + (Shape.Corners * QueryQuads);

    public int KeyTableAt => OutputTableAt + QueryQuads;

    public int SharedFloats => 4 * (KeyTableAt + (BlockKeys / 4));

    public long Groups => (long)Shape.Sequences * Splits * QueryBlocks;

    /// <summary>A buffer for slices; successive stages use the two in turn.</summary>
    public int Buffer(int stage) => BuffersAt + ((stage & 1) * BufferQuads);

    public static FlashPlan For(FlashShape shape, int scoreStrips, int outputStrips, int threads, int multiprocessors, int busy)
    {
        var threadBits = BitOperations.Log2((uint)threads);
        var laneBits = (threadBits + 1) / 2;
        var rowBits = threadBits - laneBits;
        while (rowBits > 0 && 4 << rowBits >= shape.Queries && rowBits + laneBits > 5) rowBits--;
        var plan = new FlashPlan
        {
            Shape = shape,
            RowBits = rowBits,
            LaneBits = laneBits,
            TileBits = 2 + BitOperations.Log2((uint)scoreStrips) + laneBits,
            Depth = PreferredDepth,
            PassQuads = outputStrips << laneBits,
        };
        var onePass = plan.PassQuads >= plan.HeadQuads;
        if (!onePass)
        {
            // All channels at once where they fit into three quarters of shared memory.
            var whole = (shape.HeadDim + 7) / 8 * 8;
            var most = GpuKernel.SharedLimit / 16 * 3;
            var single = whole * (plan.QueryStride + (2 * plan.KeyStride)) <= most;
            plan = plan with { Depth = single ? whole : most / (2 * (plan.QueryStride + plan.KeyStride)) / 8 * 8 };
        }

        plan = plan with { BufferQuads = Math.Max(plan.Depth * (plan.KeyStride + (plan.Slices == 1 ? 0 : plan.QueryStride)), 4 * plan.PassQuads) };
        plan = plan with { ValueBits = BitOperations.Log2((uint)(plan.BufferQuads / plan.PassQuads)) };
        var room = (GpuKernel.SharedLimit - plan.SharedFloats) / ((4 * plan.QueryStride) + 1) / plan.TileKeys * plan.TileKeys;
        var unit = Math.Min(Math.Max(PreferredBlock, plan.TileKeys), room);
        var units = (shape.Keys + unit - 1) / unit;
        var least = onePass ? 1 : (units + (room / unit) - 1) / (room / unit);
        var (splits, lowest) = (least, long.MaxValue);
        for (var s = least; s <= units; s++)
        {
            var groups = (long)shape.Sequences * plan.QueryBlocks * s;
            var rounds = Math.Max((groups + multiprocessors - 1) / multiprocessors, busy);
            var cost = (4 * rounds * (((units + s - 1) / s) + 2)) + s;
            if (cost >= lowest) continue;
            (splits, lowest) = (s, cost);
        }

        var split = (units + splits - 1) / splits * unit;
        return plan with
        {
            BlockKeys = onePass ? unit : split,
            SplitKeys = split,
            Splits = (shape.Keys + split - 1) / split,
        };
    }
}
