using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A group of threads that attends: a block of queries against block after block of keys. The core of every attention kernel on a GPU.
/// Scores are summed in registers and become weights in shared memory; outputs stay in registers from the first key to the last.
/// </summary>
/// <remarks>
/// A running maximum and sum per query make the softmax exact (online softmax, as on the CPU). Both products, queries by keys and weights by
/// values, are sums of outer products of eight queries and quads of rows; so both operands lie in shared memory with the dimension that is
/// summed over outermost, and one loop serves both. Slices of the operands pass through two buffers in turn, one barrier per slice: a slice
/// is filled while slower threads still multiply from the one before.
/// </remarks>
internal readonly struct FlashGroup<TMap>
    where TMap : unmanaged, ITokenMap
{
    private readonly FlashArguments<TMap> arguments;
    private readonly FlashPlan plan;
    private readonly ArrayView<Float4> shared;
    private readonly ArrayView<Rows4> tables;
    private readonly GroupThread thread;
    private readonly int row;
    private readonly int lane;
    private readonly int own; // of this thread, among numbers for each lane and query
    private readonly int sequence;
    private readonly int head;
    private readonly int split;
    private readonly int query0;

    /// <summary>Finds out what this thread is to do.</summary>
    public FlashGroup(FlashArguments<TMap> arguments)
    {
        this.arguments = arguments;
        plan = arguments.Plan;
        shared = SharedQuads.Get();
        tables = shared.Cast<Rows4>();
        thread = GroupThread.Current;
        (row, lane) = plan.Seat(thread.Index);
        own = (lane * plan.QueryQuads) + (2 * row);
        // Neighbouring groups share keys, then tokens.
        var group = Grid.IdxX;
        query0 = group % plan.QueryBlocks * plan.BlockQueries;
        group /= plan.QueryBlocks;
        split = group % plan.Splits;
        group /= plan.Splits;
        head = group % plan.Shape.Heads;
        sequence = group / plan.Shape.Heads;
    }

    /// <summary>Attends, <see cref="FlashWidth.Narrow"/>.</summary>
    public void AttendNarrow() => Attend<StripPair<Strip, Strip>, StripPair<Strip, Strip>>();

    /// <summary>Attends, <see cref="FlashWidth.Medium"/>.</summary>
    public void AttendMedium() => Attend<StripPair<Strip, Strip>, StripPair<StripPair<Strip, Strip>, Strip>>();

    /// <summary>Attends, <see cref="FlashWidth.Wide"/>.</summary>
    public void AttendWide() => Attend<Strip, StripPair<StripPair<Strip, Strip>, StripPair<Strip, Strip>>>();

    private void Attend<TScores, TOutputs>()
        where TScores : unmanaged, IStrips
        where TOutputs : unmanaged, IStrips
    {
        FillQueryTables();
        // Kept in shared memory between blocks of keys, by each thread for itself: registers are for the outputs.
        var (maxima, sums) = (plan.MaximaAt + own, plan.LaneSumsAt + own);
        Write(maxima, Octet.All(float.MinValue));
        Write(sums, default);
        var nothing = arguments.Softmax != 0 ? float.MinValue : 0f; // the score of keys beyond the end
        var outputs = default(TOutputs);
        var stage = 0;
        var end = IntrinsicMath.Min((split + 1) * plan.SplitKeys, plan.Shape.Keys);
        for (var key0 = split * plan.SplitKeys; key0 < end; key0 += plan.BlockKeys)
        {
            var count = IntrinsicMath.Min(plan.BlockKeys, end - key0);
            FillKeyTable(key0);
            thread.Barrier();
            var largest = Octet.All(float.MinValue);
            for (var tile = 0; tile < count; tile += plan.TileKeys, stage += plan.Slices)
            {
                var scores = Score<TScores>(tile, stage);
                var first = tile + (4 * First<TScores>());
                if (tile + plan.TileKeys > count) scores.Cut(count - first, Step<TScores>(), Octet.All(nothing));
                scores.Raise(ref largest);
                scores.StoreRows(shared, Weights(first), plan.QueryStride, Step<TScores>());
            }

            var shrink = Octet.All(1f);
            if (arguments.Softmax != 0)
            {
                var before = Read(maxima);
                largest.Raise(before);
                RaiseByLanes(ref largest);
                Write(maxima, largest);
                shrink = before.Exp2Minus(largest);
                var sum = Read(sums);
                sum.Scale(shrink);
                Weigh(count, 4 * TScores.Count, largest, ref sum);
                Write(sums, sum);
            }

            var last = key0 + plan.BlockKeys >= end;
            for (var quad0 = 0; quad0 < plan.ValueQuads; quad0 += plan.PassQuads)
            {
                outputs.Scale(shrink);
                for (var key = 0; key < count; key += plan.ValueKeys, stage++)
                {
                    // Of keys beyond the end the last few take part: without weight, with the values of the last key.
                    var fours = (IntrinsicMath.Min(plan.ValueKeys, count - key) + 3) / 4;
                    StageValues(key, fours, quad0, plan.Buffer(stage));
                    thread.Barrier();
                    MultiplyAdd(ref outputs, plan.Buffer(stage), plan.PassQuads, Weights(key), fours);
                }

                if (!last) continue;
                Store(outputs, quad0);
                outputs = default;
            }
        }
    }

    /// <summary>Scores of a tile of keys.</summary>
    private TScores Score<TScores>(int tile, int stage)
        where TScores : unmanaged, IStrips
    {
        var scores = default(TScores);
        for (var channel0 = 0; channel0 < plan.Shape.HeadDim; channel0 += plan.Depth, stage++)
        {
            var quads = (IntrinsicMath.Min(plan.Depth, plan.Shape.HeadDim - channel0) + 3) / 4;
            var (queries, keys) = (plan.QueryBuffer(stage), plan.KeyBuffer(stage));
            StageQueriesAndKeys(queries, keys, tile, channel0 / 4, quads, stageQueries: plan.Slices > 1 || stage == 0);
            thread.Barrier();
            MultiplyAdd(ref scores, keys, plan.KeyStride, queries + (2 * row), quads);
        }

        return scores;
    }

    /// <summary>sums += outer products of rows and queries, four at a time.</summary>
    private void MultiplyAdd<TStrips>(ref TStrips sums, int rows, int rowStride, int queries, int fours)
        where TStrips : unmanaged, IStrips
    {
        // 64 bits: ptxas folds constants into addresses only where an index cannot wrap.
        var (r, q, step) = ((long)rows + First<TStrips>(), (long)queries, Step<TStrips>());
        for (var i = 0; i < fours; i++)
        {
            sums.AddOuter(shared, r, step, Read(q));
            r += rowStride;
            q += plan.QueryStride;
            sums.AddOuter(shared, r, step, Read(q));
            r += rowStride;
            q += plan.QueryStride;
            sums.AddOuter(shared, r, step, Read(q));
            r += rowStride;
            q += plan.QueryStride;
            sums.AddOuter(shared, r, step, Read(q));
            r += rowStride;
            q += plan.QueryStride;
        }
    }

    /// <summary>Raises the maxima that this lane has found to those of all lanes.</summary>
    private void RaiseByLanes(ref Octet largest)
    {
        Write(plan.LaneMaximaAt + own, largest);
        thread.Barrier();
        var at = plan.LaneMaximaAt + (2 * row);
        for (var other = 0; other < plan.Lanes; other++, at += plan.QueryQuads) largest.Raise(Read(at));
    }

    /// <summary>Scores that this thread has stored become weights, which are added to a sum.</summary>
    private void Weigh(int count, int laneKeys, Octet maximum, ref Octet sum)
    {
        for (var key0 = laneKeys * lane; key0 < count; key0 += plan.TileKeys)
        {
            var at = Weights(key0);
            for (var k = 0; k < laneKeys; k++, at += plan.QueryStride)
            {
                var weight = Read(at).Exp2Minus(maximum);
                Write(at, weight);
                sum.Accumulate(1f, weight);
            }
        }
    }

    /// <summary>
    /// A slice of channels of queries, scaled, and of a tile of keys, both <c>[channel][token]</c>: each thread transposes blocks of 4 x 4.
    /// </summary>
    /// <remarks>
    /// Neighbouring threads take the two quads of a sector, then the next tokens: loads use whole sectors, stores all banks.
    /// </remarks>
    private void StageQueriesAndKeys(int queries, int keys, int tile, int quad0, int quads, bool stageQueries)
    {
        var last = plan.HeadQuads - 1;
        quads = (quads + 1) / 2 * 2;
        var blocks = quads << IntrinsicMath.Max(plan.QueryQuadBits, plan.TileQuadBits);
        for (var block = thread.Index; block < blocks; block += thread.Count)
        {
            var (pair, odd) = (block >> 1, block & 1);
            var (query, queryQuad) = (pair & (plan.QueryQuads - 1), (pair >> plan.QueryQuadBits << 1) + odd);
            var (key, keyQuad) = (pair & (plan.TileQuads - 1), (pair >> plan.TileQuadBits << 1) + odd);
            var (queryTable, keyTable) = (plan.QueryTableAt + query, plan.KeyTableAt + (tile / 4) + key);
            var (toQuery, toKey) = (queries + (4 * queryQuad * plan.QueryStride) + query, keys + (4 * keyQuad * plan.KeyStride) + key);
            var (hasQuery, hasKey) = (stageQueries && queryQuad < quads, keyQuad < quads);
            // The second quad of a head's last pair may be missing; then it repeats the first, and nobody reads it.
            var (fromQuery, fromKey) = (IntrinsicMath.Min(quad0 + queryQuad, last), IntrinsicMath.Min(quad0 + keyQuad, last));
            if (arguments.WholeQuads == 0)
            {
                var (queryStep, keyStep) = (4 * plan.QueryStride, 4 * plan.KeyStride);
                var (corners, scale) = (plan.Shape.Corners, arguments.Scale);
                if (hasQuery) StageElements(arguments.Q, queryTable, corners, 4 * fromQuery, 4 * toQuery, 1, queryStep, scale);
                if (hasKey) StageElements(arguments.K, keyTable, 1, 4 * fromKey, 4 * toKey, 1, keyStep, 1f);
            }
            else if (hasQuery && hasKey)
            {
                // All loads before the first store: their latencies overlap.
                var queryBlock = LoadQueries(queryTable, fromQuery);
                var keyBlock = Load(arguments.K, keyTable, fromKey);
                WriteTransposed(toQuery, plan.QueryStride, queryBlock, arguments.Scale);
                WriteTransposed(toKey, plan.KeyStride, keyBlock, 1f);
            }
            else if (hasQuery)
            {
                WriteTransposed(toQuery, plan.QueryStride, LoadQueries(queryTable, fromQuery), arguments.Scale);
            }
            else if (hasKey)
            {
                WriteTransposed(toKey, plan.KeyStride, Load(arguments.K, keyTable, fromKey), 1f);
            }
        }
    }

    /// <summary>A slice of values, <c>[key][channel]</c>, of the channels of a pass: four keys by four channels at a time.</summary>
    private void StageValues(int key0, int fours, int quad0, int target)
    {
        for (var block = thread.Index; block < plan.PassQuads << plan.ValueQuadBits; block += thread.Count)
        {
            var key = (block >> plan.LaneBits) & ((1 << plan.ValueQuadBits) - 1);
            var quad = (block & (plan.Lanes - 1)) + (block >> (plan.LaneBits + plan.ValueQuadBits) << plan.LaneBits);
            if (key >= fours || quad0 + quad >= plan.ValueQuads) continue;
            var table = plan.KeyTableAt + (key0 / 4) + key;
            var at = target + (4 * key * plan.PassQuads) + quad;
            if (arguments.WholeQuads == 0)
            {
                StageElements(arguments.V, table, 1, 4 * (quad0 + quad), 4 * at, 4 * plan.PassQuads, 1, 1f);
                continue;
            }

            var values = Load(arguments.V, table, quad0 + quad);
            shared[at] = values.Row0;
            shared[at + plan.PassQuads] = values.Row1;
            shared[at + (2 * plan.PassQuads)] = values.Row2;
            shared[at + (3 * plan.PassQuads)] = values.Row3;
        }
    }

    /// <summary>A block of four tokens by four channels, element by element; zeros beyond the head.</summary>
    private void StageElements(
        TokenRows tokens, int table, int corners, int channel, int at, int tokenStride, int channelStride, float scale)
    {
        var rows = shared.Cast<int>();
        var elements = shared.Cast<float>();
        for (var token = 0; token < 4; token++)
        {
            for (var c = 0; c < 4; c++)
            {
                var value = 0f;
                if (channel + c < tokens.HeadDim)
                {
                    var column = (head * tokens.HeadDim) + channel + c;
                    value = tokens.Element<TMap>(rows[(4 * table) + token], column);
                    for (var corner = 1; corner < corners; corner++)
                    {
                        var other = rows[(4 * (table + (corner * plan.QueryQuads))) + token];
                        value = SimtMath.Max(value, tokens.Element<TMap>(other, column));
                    }
                }

                elements[at + (token * tokenStride) + (c * channelStride)] = value * scale;
            }
        }
    }

    /// <summary>Four queries by four channels: of each the maximum of its corners.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Quad LoadQueries(int table, int quad)
    {
        var queries = Load(arguments.Q, table, quad);
        for (var corner = 1; corner < plan.Shape.Corners; corner++)
        {
            var others = Load(arguments.Q, table + (corner * plan.QueryQuads), quad);
            queries = new Quad(
                Max(queries.Row0, others.Row0), Max(queries.Row1, others.Row1),
                Max(queries.Row2, others.Row2), Max(queries.Row3, others.Row3));
        }

        return queries;
    }

    /// <summary>Four tokens by four channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Quad Load(TokenRows tokens, int table, int quad)
    {
        var rows = tables[table];
        quad += head * (tokens.HeadDim >> 2);
        var block = new Quad(
            tokens.Quad(rows.Row0, quad), tokens.Quad(rows.Row1, quad), tokens.Quad(rows.Row2, quad), tokens.Quad(rows.Row3, quad));
        if (!TMap.HasPadding || (rows.Row0 | rows.Row1 | rows.Row2 | rows.Row3) >= 0) return block;
        var padding = tokens.PaddingQuads[quad];
        return new Quad(
            rows.Row0 < 0 ? padding : block.Row0, rows.Row1 < 0 ? padding : block.Row1,
            rows.Row2 < 0 ? padding : block.Row2, rows.Row3 < 0 ? padding : block.Row3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteTransposed(int at, int stride, Quad block, float scale)
    {
        shared[at] = new(block.Row0.X * scale, block.Row1.X * scale, block.Row2.X * scale, block.Row3.X * scale);
        shared[at + stride] = new(block.Row0.Y * scale, block.Row1.Y * scale, block.Row2.Y * scale, block.Row3.Y * scale);
        shared[at + (2 * stride)] = new(block.Row0.Z * scale, block.Row1.Z * scale, block.Row2.Z * scale, block.Row3.Z * scale);
        shared[at + (3 * stride)] = new(block.Row0.W * scale, block.Row1.W * scale, block.Row2.W * scale, block.Row3.W * scale);
    }

    /// <summary>Divides by the sum of all weights and stores; a split leaves the division to those who combine.</summary>
    private void Store<TOutputs>(TOutputs outputs, int quad0)
        where TOutputs : unmanaged, IStrips
    {
        Octet sum = default;
        thread.Barrier();
        var at = plan.LaneSumsAt + (2 * row);
        for (var other = 0; other < plan.Lanes; other++, at += plan.QueryQuads) sum.Accumulate(1f, Read(at));
        var factors = arguments.Combines == 0 && arguments.Softmax != 0 ? sum.Reciprocal() : Octet.All(1f);
        var (left, right) = (tables[plan.OutputTableAt + (2 * row)], tables[plan.OutputTableAt + (2 * row) + 1]);
        var target = new FlashTarget<TMap>(
            arguments.Target, arguments.TargetStride, head * arguments.TargetHead, plan.ValueQuads, left, right);
        outputs.StoreQueries(target, factors, quad0 + First<TOutputs>(), Step<TOutputs>());
        if (arguments.Combines == 0 || lane > 0 || quad0 > 0) return;
        var maximum = Read(plan.MaximaAt + own);
        StoreStatistics(left, maximum.Left, sum.Left);
        StoreStatistics(right, maximum.Right, sum.Right);
    }

    private void StoreStatistics(Rows4 rows, Float4 maximum, Float4 sum)
    {
        StoreStatistics(rows.Row0, maximum.X, sum.X);
        StoreStatistics(rows.Row1, maximum.Y, sum.Y);
        StoreStatistics(rows.Row2, maximum.Z, sum.Z);
        StoreStatistics(rows.Row3, maximum.W, sum.W);
    }

    private void StoreStatistics(int target, float maximum, float sum)
    {
        arguments.Statistics[2 * target] = maximum;
        arguments.Statistics[(2 * target) + 1] = sum;
    }

    /// <summary>
    /// Rows of the block's queries, of their corners, and of their results. Queries beyond the end repeat the last one: the same numbers
    /// are stored to the same place.
    /// </summary>
    private void FillQueryTables()
    {
        var rows = shared.Cast<int>();
        for (var q = thread.Index; q < plan.BlockQueries; q += thread.Count)
        {
            var query = IntrinsicMath.Min(query0 + q, plan.Shape.Queries - 1);
            for (var corner = 0; corner < plan.Shape.Corners; corner++)
                rows[(4 * plan.QueryTableAt) + (corner * plan.BlockQueries) + q] = arguments.Map.Query(sequence, query, corner);
            var output = arguments.Combines != 0
                ? plan.PartialRow(split, sequence, head, query)
                : arguments.Map.Output(sequence, query);
            rows[(4 * plan.OutputTableAt) + q] = output;
        }
    }

    /// <summary>Rows of a block of keys. Keys beyond the end repeat the last one.</summary>
    private void FillKeyTable(int key0)
    {
        var rows = shared.Cast<int>();
        for (var k = thread.Index; k < plan.BlockKeys; k += thread.Count)
            rows[(4 * plan.KeyTableAt) + k] = arguments.Map.Key(sequence, IntrinsicMath.Min(key0 + k, plan.Shape.Keys - 1));
    }

    /// <summary>The first quad of rows of this thread's strips, and how far those after the first two are from it.</summary>
    private int First<TStrips>()
        where TStrips : unmanaged, IStrips => TStrips.Count == 1 ? lane : 2 * lane;

    private int Step<TStrips>()
        where TStrips : unmanaged, IStrips => TStrips.Count == 3 ? (2 * plan.Lanes) - lane : 2 * plan.Lanes;

    /// <summary>Where the weights of a key lie for this thread's queries.</summary>
    private int Weights(int key) => plan.WeightsAt + (key * plan.QueryStride) + (2 * row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Octet Read(long at) => Octet.Of(shared[at], shared[at + 1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(long at, Octet value)
    {
        shared[at] = value.Left;
        shared[at + 1] = value.Right;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Max(Float4 a, Float4 b) =>
        new(SimtMath.Max(a.X, b.X), SimtMath.Max(a.Y, b.Y), SimtMath.Max(a.Z, b.Z), SimtMath.Max(a.W, b.W));
}
