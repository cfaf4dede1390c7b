using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>What a launch computes: attention of each head of each sequence (or window) on its own.</summary>
/// <param name="Sequences">Sequences, or windows.</param>
/// <param name="Heads">Heads of each.</param>
/// <param name="Queries">Queries of a sequence.</param>
/// <param name="Keys">Keys of a sequence.</param>
/// <param name="HeadDim">Channels of a head's queries and keys.</param>
/// <param name="ValueDim">Channels of a head's values and results.</param>
/// <param name="Corners">Tokens whose maximum is a query.</param>
internal readonly record struct FlashShape(int Sequences, int Heads, int Queries, int Keys, int HeadDim, int ValueDim, int Corners);

/// <summary>
/// How an attention kernel cuts its work: who owns which sums, the blocks of queries and keys, and what lies where in shared memory. All
/// numbers are made on the host: a kernel that divided once per slice would notice.
/// </summary>
/// <remarks>
/// A group takes a block of queries and a share of the keys (a split). Its threads form a grid of rows x lanes: a row owns eight queries,
/// the lanes share the keys of a tile and the channels of the outputs. Where the lanes are too few to own all channels at once, outputs are
/// made in several passes over the weights, and there is one block of keys per split: only the sums of one pass can wait in registers for
/// the next block.
/// </remarks>
internal readonly struct FlashPlan
{
    /// <summary>Keys after which the running maximum and sum move on, where there is a choice.</summary>
    private const int PreferredBlock = 64;

    /// <summary>Channels that are staged at a time where queries do not fit as a whole.</summary>
    private const int PreferredDepth = 16;

    private const int SharedQuads = GpuKernel.SharedLimit / 4;

    public readonly FlashShape Shape;

    /// <summary>Quads of a query or a key, the last one perhaps not full.</summary>
    public readonly int HeadQuads;

    /// <summary>Quads of a value, likewise.</summary>
    public readonly int ValueQuads;

    /// <summary>Rows of threads: a power of two.</summary>
    public readonly int Rows;
    public readonly int RowBits;

    /// <summary>Lanes of a row: a power of two.</summary>
    public readonly int Lanes;
    public readonly int LaneBits;

    /// <summary>Threads of a group.</summary>
    public readonly int Threads;

    /// <summary>Queries of a block: eight for each row.</summary>
    public readonly int BlockQueries;
    public readonly int QueryQuads;
    public readonly int QueryQuadBits;

    /// <summary>Blocks of queries of a sequence.</summary>
    public readonly int QueryBlocks;

    /// <summary>Keys whose scores the group sums at a time.</summary>
    public readonly int TileKeys;
    public readonly int TileQuads;
    public readonly int TileQuadBits;

    /// <summary>Keys of a block: whole tiles.</summary>
    public readonly int BlockKeys;

    /// <summary>Keys of a split: whole blocks.</summary>
    public readonly int SplitKeys;

    /// <summary>Groups that share the keys of a block of queries.</summary>
    public readonly int Splits;

    /// <summary>Channels of queries and keys that are staged at a time: a multiple of eight.</summary>
    public readonly int Depth;

    /// <summary>Slices of that depth. The queries of a single slice stay for all keys.</summary>
    public readonly int Slices;

    /// <summary>Quads of channels that the lanes own in one pass.</summary>
    public readonly int PassQuads;

    /// <summary>Values that are staged at a time.</summary>
    public readonly int ValueKeys;
    public readonly int ValueQuadBits;

    /// <summary>
    /// Quads from one channel of the staged queries to the next, and from the weights of one key to the next: odd, against bank conflicts.
    /// </summary>
    public readonly int QueryStride;

    /// <summary>Quads from one channel of the staged keys to the next: odd, too.</summary>
    public readonly int KeyStride;

    /// <summary>The two buffers that slices pass through in turn, and their size in quads.</summary>
    public readonly int BuffersAt;
    public readonly int BufferQuads;

    /// <summary>Scores, later weights, <c>[key][query]</c>.</summary>
    public readonly int WeightsAt;

    /// <summary>For each lane and query: the maximum so far, the maximum of the lane's keys, the sum of their weights.</summary>
    public readonly int MaximaAt;
    public readonly int LaneMaximaAt;
    public readonly int LaneSumsAt;

    /// <summary>Tables of token rows, in fours: queries, their further corners, results, then the keys of the block.</summary>
    public readonly int QueryTableAt;
    public readonly int OutputTableAt;
    public readonly int KeyTableAt;

    /// <summary>Shared memory of a group.</summary>
    public readonly int SharedFloats;

    private FlashPlan(FlashShape shape, FlashWidth width, int rowBits, int laneBits, int depth, int blockKeys, int splitKeys)
    {
        Shape = shape;
        (HeadQuads, ValueQuads) = ((shape.HeadDim + 3) / 4, (shape.ValueDim + 3) / 4);
        (RowBits, Rows, LaneBits, Lanes, Threads) = (rowBits, 1 << rowBits, laneBits, 1 << laneBits, 1 << (rowBits + laneBits));
        (BlockQueries, QueryQuads, QueryQuadBits) = (8 * Rows, 2 * Rows, rowBits + 1);
        QueryBlocks = (shape.Queries + BlockQueries - 1) / BlockQueries;
        TileKeys = 4 * width.ScoreStrips * Lanes;
        (TileQuads, TileQuadBits) = (TileKeys / 4, BitOperations.Log2((uint)TileKeys) - 2);
        (BlockKeys, SplitKeys) = (blockKeys, splitKeys);
        Splits = (shape.Keys + splitKeys - 1) / splitKeys;
        Depth = depth;
        Slices = (shape.HeadDim + depth - 1) / depth;
        PassQuads = width.OutputStrips * Lanes;
        (QueryStride, KeyStride) = (QueryQuads + 1, (TileKeys / 4) + 1);
        BuffersAt = Slices == 1 ? depth * QueryStride : 0;
        BufferQuads = Math.Max(depth * (Slices == 1 ? KeyStride : QueryStride + KeyStride), 4 * PassQuads);
        ValueQuadBits = BitOperations.Log2((uint)(BufferQuads / PassQuads)) - 2;
        ValueKeys = 4 << ValueQuadBits;
        WeightsAt = BuffersAt + (2 * BufferQuads);
        MaximaAt = WeightsAt + (blockKeys * QueryStride);
        LaneMaximaAt = MaximaAt + (Lanes * QueryQuads);
        LaneSumsAt = LaneMaximaAt + (Lanes * QueryQuads);
        QueryTableAt = LaneSumsAt + (Lanes * QueryQuads);
        OutputTableAt = QueryTableAt + (shape.Corners * QueryQuads);
        KeyTableAt = OutputTableAt + QueryQuads;
        SharedFloats = 4 * (KeyTableAt + (blockKeys / 4));
    }

    /// <summary>Groups of a launch.</summary>
    public long Groups => (long)Shape.Sequences * Shape.Heads * Splits * QueryBlocks;

    /// <summary>Rows of partial results of a split.</summary>
    public int PartialRows => Shape.Sequences * Shape.Heads * Shape.Queries;

    /// <summary>Passes over the weights.</summary>
    public int Passes => (ValueQuads + PassQuads - 1) / PassQuads;

    /// <summary>Cuts the work.</summary>
    /// <param name="shape">What is computed.</param>
    /// <param name="width">The kernel.</param>
    /// <param name="threads">Most threads of a group.</param>
    /// <param name="multiprocessors">Of the device.</param>
    public static FlashPlan For(FlashShape shape, FlashWidth width, int threads, int multiprocessors)
    {
        var threadBits = BitOperations.Log2((uint)threads);
        var laneBits = (threadBits + 1) / 2;
        var rowBits = threadBits - laneBits;
        // Few queries: fewer rows, but a whole warp where there is one.
        while (rowBits > 0 && 4 << rowBits >= shape.Queries && rowBits + laneBits > 5) rowBits--;
        FlashPlan Plan(int depth, int blockKeys, int splitKeys) =>
            new(shape, width, rowBits, laneBits, depth, blockKeys, splitKeys);

        var tile = 4 * width.ScoreStrips << laneBits;
        var smallest = Plan(depth: 8, tile, tile);
        var depth = smallest.Passes == 1 ? PreferredDepth : smallest.LargestDepth();
        smallest = Plan(depth, tile, tile);
        var most = tile * (1 + ((GpuKernel.SharedLimit - smallest.SharedFloats) / (tile * ((4 * smallest.QueryStride) + 1))));
        var unit = Math.Min(Math.Max(PreferredBlock, tile), most);
        var units = (shape.Keys + unit - 1) / unit;
        var fewest = smallest.Passes == 1 ? 1 : (units + (most / unit) - 1) / (most / unit);
        var resident = width.ResidentGroups * (threads >> (rowBits + laneBits));
        var (splits, lowest) = (fewest, long.MaxValue);
        for (var s = fewest; s <= units; s++)
        {
            // The busiest multiprocessor decides. Its groups take as long as if it were full, and each begins and ends with the work of
            // about two units; a split costs a quarter of a unit when all are combined.
            var groups = (((long)shape.Sequences * shape.Heads * smallest.QueryBlocks * s) + multiprocessors - 1) / multiprocessors;
            var cost = (4 * Math.Max(groups, resident) * (((units + s - 1) / s) + 2)) + s;
            if (cost >= lowest) continue;
            (splits, lowest) = (s, cost);
        }

        var splitKeys = (units + splits - 1) / splits * unit;
        return Plan(depth, smallest.Passes == 1 ? unit : splitKeys, splitKeys);
    }

    /// <summary>The buffer of a stage.</summary>
    public int Buffer(int stage) => BuffersAt + ((stage & 1) * BufferQuads);

    /// <summary>Where the queries of a stage lie, <c>[channel][query]</c>.</summary>
    public int QueryBuffer(int stage) => Slices == 1 ? 0 : Buffer(stage);

    /// <summary>Where the keys of a stage lie, <c>[channel][key]</c>.</summary>
    public int KeyBuffer(int stage) => Slices == 1 ? Buffer(stage) : Buffer(stage) + (Depth * QueryStride);

    /// <summary>
    /// Row and lane of a thread: the bits of its index are those of the two in turn. So half a warp is four rows by four lanes, and what it
    /// reads of the rows or of the lanes are four different quads, in different banks.
    /// </summary>
    public (int Row, int Lane) Seat(int thread)
    {
        var (row, lane) = (0, 0);
        for (var bit = 0; bit < IntrinsicMath.Max(RowBits, LaneBits); bit++)
        {
            if (bit < RowBits)
            {
                row |= (thread & 1) << bit;
                thread >>= 1;
            }

            if (bit < LaneBits)
            {
                lane |= (thread & 1) << bit;
                thread >>= 1;
            }
        }

        return (row, lane);
    }

    /// <summary>All channels at once if they leave a quarter of shared memory to the weights, otherwise as many as fit.</summary>
    private int LargestDepth()
    {
        var whole = (Shape.HeadDim + 7) / 8 * 8;
        var room = Math.Min(SharedQuads * 3 / 4, SharedQuads - (SharedFloats / 4) + WeightsAt);
        return whole * (QueryStride + (2 * KeyStride)) <= room ? whole : room / (2 * (QueryStride + KeyStride)) / 8 * 8;
    }

    /// <summary>The row of partial results of a split.</summary>
    public int PartialRow(int split, int sequence, int head, int query) =>
        (split * PartialRows) + (((sequence * Shape.Heads) + head) * Shape.Queries) + query;
}
