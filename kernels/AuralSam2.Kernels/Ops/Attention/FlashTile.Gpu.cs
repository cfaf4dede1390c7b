using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Where the tokens of a sequence, or of a window, lie.</summary>
internal interface ITokenMap
{
    static abstract bool Pads { get; }

    /// <summary>The row of q of a query, or of one of the tokens whose maximum it is; -1 for the padding token.</summary>
    int Query(int sequence, int query, int corner);

    /// <summary>The row of k and v of a key; -1 for the padding token.</summary>
    int Key(int sequence, int key);

    /// <summary>The row of y of a query; -1 when its result is dropped.</summary>
    int Output(int sequence, int query);
}

/// <summary>Rows of q, k or v, from the first channel of the first head on.</summary>
/// <param name="data">The rows.</param>
/// <param name="stride">Floats between them.</param>
/// <param name="padding">The row of a padding token.</param>
internal readonly struct TokenRows(ArrayView<float> data, int stride, ArrayView<float> padding)
{
    public readonly ArrayView<float> Data = data;
    public readonly int Stride = stride;
    public readonly ArrayView<float> Padding = padding;

    /// <summary>Four channels with one load.</summary>
    public Float4 Quad<TMap>(int row, int column)
        where TMap : unmanaged, ITokenMap
    {
        if (!TMap.Pads) return Data.Cast<Float4>()[((long)row * (Stride / 4)) + column];
        var view = row >= 0 ? Data : Padding;
        return view.Cast<Float4>()[((long)IntrinsicMath.Max(row, 0) * (Stride / 4)) + column];
    }

    public float Element<TMap>(int row, int column)
        where TMap : unmanaged, ITokenMap
        => TMap.Pads && row < 0 ? Padding[column] : Data[((long)row * Stride) + column];
}

/// <summary>Four entries of a table of token rows.</summary>
internal readonly struct Rows4
{
    public readonly int Row0;
    public readonly int Row1;
    public readonly int Row2;
    public readonly int Row3;
}

/// <summary>Arguments of every attention kernel.</summary>
internal readonly record struct FlashArguments<TMap>(
    TokenRows Q, TokenRows K, TokenRows V, TokenRows Y, ArrayView<Float4> Partials, ArrayView<float> Statistics,
    TMap Map, int Heads, FlashPlan Plan, float Scale, int Linear, int Aligned)
    where TMap : unmanaged, ITokenMap;

/// <summary>The core.</summary>
internal static class SimtFlashTile
{
    /// <summary>Where a thread works.</summary>
    private readonly record struct Seat(int Row, int Lane, int Sequence, int Head, int Query, int FirstKey, int EndKey, int Split);

    public static void Attend<TMap, TScores, TOutputs>(FlashArguments<TMap> a)
        where TMap : unmanaged, ITokenMap
        where TScores : unmanaged, IStrips
        where TOutputs : unmanaged, IStrips
    {
        var plan = a.Plan;
        var shared = SharedMemory.GetDynamic<Float4>();
        var seat = SeatOf(a);
        FillQueryTables(a, shared, seat);
        var own = (seat.Lane * plan.QueryQuads) + seat.Row; // of this thread, among maxima and among sums
        shared[plan.SumsAt + own] = default;
        shared[plan.SumsAt + own + plan.Rows] = default;
        var (topLeft, topRight) = (All(float.MinValue), All(float.MinValue));
        var outputs = default(TOutputs);
        var stage = 0;
        for (var key0 = seat.FirstKey; key0 < seat.EndKey; key0 += plan.BlockKeys)
        {
            var count = IntrinsicMath.Min(plan.BlockKeys, seat.EndKey - key0);
            FillKeyTable(a, shared, seat, key0);
            Group.Barrier();

            var (left, right) = (topLeft, topRight);
            for (var tile = 0; tile < count; tile += plan.TileKeys)
            {
                var scores = Score<TMap, TScores>(a, shared, seat, tile, stage, stageQueries: plan.Slices > 1 || stage == 0);
                stage += plan.Slices;
                for (var s = 0; s < TScores.Count; s++)
                {
                    var strip = scores.Get(s);
                    var first = tile + (4 * (seat.Lane + (s << plan.LaneBits)));
                    if (first + 4 > count)
                    {
                        var none = All(a.Linear == 0 ? float.MinValue : 0f);
                        strip = strip.Keep(count - first, none);
                    }

                    var at = plan.ScoresAt + (first * plan.QueryStride) + seat.Row;
                    StoreRows(shared, at, plan.QueryStride, strip.Left);
                    StoreRows(shared, at + plan.Rows, plan.QueryStride, strip.Right);
                    left = Larger(LargestRow(strip.Left), left);
                    right = Larger(LargestRow(strip.Right), right);
                }
            }

            var (shrinkLeft, shrinkRight) = (All(1f), All(1f));
            if (a.Linear == 0)
            {
                shared[plan.MaximaAt + own] = left;
                shared[plan.MaximaAt + own + plan.Rows] = right;
                Group.Barrier();
                for (var lane = 0; lane < plan.Lanes; lane++)
                {
                    var at = plan.MaximaAt + (lane * plan.QueryQuads) + seat.Row;
                    left = Larger(shared[at], left);
                    right = Larger(shared[at + plan.Rows], right);
                }

                shrinkLeft = Exp2(Minus(topLeft, left));
                shrinkRight = Exp2(Minus(topRight, right));
                (topLeft, topRight) = (left, right);
                Float4 sumLeft = default, sumRight = default;
                for (var key = 4 * seat.Lane; key < count; key += plan.Lanes * 4)
                {
                    var at = plan.ScoresAt + (key * plan.QueryStride) + seat.Row;
                    for (var k = 0; k < 4; k++)
                    {
                        var l = Exp2(Minus(shared[at], topLeft));
                        var r = Exp2(Minus(shared[at + plan.Rows], topRight));
                        shared[at] = l;
                        shared[at + plan.Rows] = r;
                        sumLeft = Plus(sumLeft, l);
                        sumRight = Plus(sumRight, r);
                        at += plan.QueryStride;
                    }
                }

                shared[plan.SumsAt + own] = Plus(Times(shared[plan.SumsAt + own], shrinkLeft), sumLeft);
                shared[plan.SumsAt + own + plan.Rows] = Plus(Times(shared[plan.SumsAt + own + plan.Rows], shrinkRight), sumRight);
            }

            var last = key0 + plan.BlockKeys >= seat.EndKey;
            for (var quad0 = 0; quad0 < plan.HeadQuads; quad0 += plan.PassQuads)
            {
                outputs.Scale(shrinkLeft, shrinkRight);
                for (var key = 0; key < count; key += plan.ValueKeys, stage++)
                {
                    StageValues(a, shared, seat, key, quad0, plan.Buffer(stage));
                    Group.Barrier();
                    var end = IntrinsicMath.Min(plan.ValueKeys, count - key);
                    var (w, v) = (plan.ScoresAt + (key * plan.QueryStride) + seat.Row, plan.Buffer(stage) + seat.Lane);
                    for (var k = 0; k < end; k += 2)
                    {
                        outputs.AddOuter(shared, v, plan.Lanes, shared[w], shared[w + plan.Rows]);
                        w += plan.QueryStride;
                        v += plan.PassQuads;
                        outputs.AddOuter(shared, v, plan.Lanes, shared[w], shared[w + plan.Rows]);
                        w += plan.QueryStride;
                        v += plan.PassQuads;
                    }
                }

                if (!last) continue;
                Store<TMap, TOutputs>(a, shared, seat, outputs, quad0, topLeft, topRight);
                outputs = default;
            }
        }
    }

    public static void Combine<TMap>(CombineArguments<TMap> a)
        where TMap : unmanaged, ITokenMap
    {
        var plan = a.Plan;
        var item = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        var rows = plan.Shape.Sequences * plan.Shape.Queries;
        var row = (int)(item / plan.HeadQuads);
        var quad = (int)(item % plan.HeadQuads);
        if (row >= rows) return;
        var sequence = row / plan.Shape.Queries;
        var output = a.Map.Output(sequence / a.Heads, row % plan.Shape.Queries);
        if (output < 0) return;
        var top = a.Statistics[2 * row];
        for (var s = 1; s < plan.Splits; s++)
        {
            var t = a.Statistics[2 * (row + (s * rows))];
            top = t > top ? t : top;
        }

        var sum = 0f;
        Float4 total = default;
        for (var s = 0; s < plan.Splits; s++)
        {
            var at = row + (s * rows);
            var weight = a.Linear == 0 ? SimtMath.Exp2(a.Statistics[2 * at] - top) : 1f;
            sum += weight * a.Statistics[(2 * at) + 1];
            total = a.Partials[((long)at * plan.HeadQuads) + quad].MultiplyAdd(weight, total);
        }

        if (a.Linear == 0) total = Times(total, Inverse(All(sum)));
        StoreChannels(a.Y, output, (sequence % a.Heads * plan.Shape.HeadDim) + (4 * quad), plan.Shape.HeadDim - (4 * quad), total, a.Aligned);
    }

    private static TScores Score<TMap, TScores>(
        FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat, int tile, int stage, bool stageQueries)
        where TMap : unmanaged, ITokenMap
        where TScores : unmanaged, IStrips
    {
        var plan = a.Plan;
        var scores = default(TScores);
        for (var c0 = 0; c0 < plan.Shape.HeadDim; c0 += plan.Depth, stage++)
        {
            var queries = plan.Slices > 1 ? plan.Buffer(stage) : 0;
            var keys = plan.Buffer(stage) + (plan.Slices > 1 ? plan.Depth * plan.QueryStride : 0);
            var quads = (IntrinsicMath.Min(plan.Depth, plan.Shape.HeadDim - c0) + 3) / 4;
            StageQueriesAndKeys(a, shared, seat, queries, keys, tile, c0, quads, stageQueries);
            Group.Barrier();
            var (q, k) = (queries + seat.Row, keys + seat.Lane);
            for (var quad = 0; quad < quads; quad++)
            {
                scores.AddOuter(shared, k, plan.Lanes, shared[q], shared[q + plan.Rows]);
                q += plan.QueryStride;
                k += plan.KeyStride;
                scores.AddOuter(shared, k, plan.Lanes, shared[q], shared[q + plan.Rows]);
                q += plan.QueryStride;
                k += plan.KeyStride;
                scores.AddOuter(shared, k, plan.Lanes, shared[q], shared[q + plan.Rows]);
                q += plan.QueryStride;
                k += plan.KeyStride;
                scores.AddOuter(shared, k, plan.Lanes, shared[q], shared[q + plan.Rows]);
                q += plan.QueryStride;
                k += plan.KeyStride;
            }
        }

        return scores;
    }

    private static void StageQueriesAndKeys<TMap>(
        FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat, int queries, int keys, int tile, int c0, int quads, bool stageQueries)
        where TMap : unmanaged, ITokenMap
    {
        var plan = a.Plan;
        var (queryBits, keyBits) = (plan.RowBits + 1, plan.TileBits - 2);
        var blocks = (quads + 1) / 2 * 2 << IntrinsicMath.Max(queryBits, keyBits);
        for (var e = Group.IdxX; e < blocks; e += Group.DimX)
        {
            var pair = e >> 1;
            var (queryQuad, queryChannel) = (pair & ((1 << queryBits) - 1), ((pair >> queryBits) * 2) + (e & 1));
            var (keyQuad, keyChannel) = (pair & ((1 << keyBits) - 1), ((pair >> keyBits) * 2) + (e & 1));
            var (hasQuery, hasKey) = (stageQueries && queryChannel < quads, keyChannel < quads);
            var (toQuery, toKey) = (queries + (queryChannel * 4 * plan.QueryStride) + queryQuad, keys + (keyChannel * 4 * plan.KeyStride) + keyQuad);
            var (queryColumn, keyColumn) = (c0 + (4 * queryChannel), c0 + (4 * keyChannel));
            var (queryRows, keyRows) = (plan.TablesAt + queryQuad, plan.KeyTableAt + (tile / 4) + keyQuad);
            if (a.Aligned == 0)
            {
                if (hasQuery) StageTransposedRagged(a, a.Q, shared, seat, queryRows, plan.Shape.Corners, queryColumn, toQuery, plan.QueryStride, a.Scale);
                if (hasKey) StageTransposedRagged(a, a.K, shared, seat, keyRows, 1, keyColumn, toKey, plan.KeyStride, 1f);
                continue;
            }

            Quad query = default, key = default;
            if (hasQuery)
            {
                query = Load(a, a.Q, shared, seat, queryRows, queryColumn);
                for (var corner = 1; corner < plan.Shape.Corners; corner++)
                {
                    var other = Load(a, a.Q, shared, seat, queryRows + (corner * plan.QueryQuads), queryColumn);
                    query = new Quad(
                        Max(query.Row0, other.Row0), Max(query.Row1, other.Row1), Max(query.Row2, other.Row2), Max(query.Row3, other.Row3));
                }
            }

            if (hasKey) key = Load(a, a.K, shared, seat, keyRows, keyColumn);
            if (hasQuery) StoreTransposed(shared, toQuery, plan.QueryStride, query, a.Scale);
            if (hasKey) StoreTransposed(shared, toKey, plan.KeyStride, key, 1f);
        }
    }

    private static void StageTransposedRagged<TMap>(
        FlashArguments<TMap> a, TokenRows tokens, ArrayView<Float4> shared, Seat seat, int table, int corners, int channel, int at, int stride, float scale)
        where TMap : unmanaged, ITokenMap
    {
        var rows = shared.Cast<int>();
        var floats = shared.Cast<float>();
        var column = (seat.Head * a.Plan.Shape.HeadDim) + channel;
        var channels = a.Plan.Shape.HeadDim - channel;
        for (var c = 0; c < 4; c++)
        {
            for (var r = 0; r < 4; r++)
            {
                var value = 0f;
                if (c < channels)
                {
                    value = tokens.Element<TMap>(rows[(table * 4) + r], column + c);
                    for (var corner = 1; corner < corners; corner++)
                        value = SimtMath.Max(value, tokens.Element<TMap>(rows[((table + (corner * a.Plan.QueryQuads)) * 4) + r], column + c));
                }

                floats[((at + (c * stride)) * 4) + r] = value * scale;
            }
        }
    }

    private static void StageValues<TMap>(FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat, int key0, int quad0, int target)
        where TMap : unmanaged, ITokenMap
    {
        var plan = a.Plan;
        for (var e = Group.IdxX; e < plan.PassQuads << (plan.ValueBits - 2); e += Group.DimX)
        {
            var keyQuad = (e >> plan.LaneBits) & ((1 << (plan.ValueBits - 2)) - 1);
            var quad = (e & (plan.Lanes - 1)) + (e >> (plan.LaneBits + plan.ValueBits - 2) << plan.LaneBits);
            if (quad0 + quad >= plan.HeadQuads) continue;
            var at = target + (keyQuad * 4 * plan.PassQuads) + quad;
            var table = plan.KeyTableAt + (key0 / 4) + keyQuad;
            var channel = 4 * (quad0 + quad);
            if (a.Aligned != 0)
            {
                StoreRows(shared, at, plan.PassQuads, Load(a, a.V, shared, seat, table, channel));
                continue;
            }

            var rows = shared.Cast<int>();
            var floats = shared.Cast<float>();
            var column = (seat.Head * plan.Shape.HeadDim) + channel;
            for (var k = 0; k < 4; k++)
            {
                for (var c = 0; c < 4; c++)
                {
                    floats[((at + (k * plan.PassQuads)) * 4) + c] =
                        channel + c < plan.Shape.HeadDim ? a.V.Element<TMap>(rows[(table * 4) + k], column + c) : 0f;
                }
            }
        }
    }

    private static void StoreRows(ArrayView<Float4> shared, int at, int stride, Quad q)
    {
        shared[at] = q.Row0;
        shared[at + stride] = q.Row1;
        shared[at + (2 * stride)] = q.Row2;
        shared[at + (3 * stride)] = q.Row3;
    }

    private static void Store<TMap, TOutputs>(
        FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat, TOutputs outputs, int quad0, Float4 topLeft, Float4 topRight)
        where TMap : unmanaged, ITokenMap
        where TOutputs : unmanaged, IStrips
    {
        var plan = a.Plan;
        Group.Barrier();
        Float4 sumLeft = default, sumRight = default;
        for (var lane = 0; lane < plan.Lanes; lane++)
        {
            var at = plan.SumsAt + (lane * plan.QueryQuads) + seat.Row;
            sumLeft = Plus(sumLeft, shared[at]);
            sumRight = Plus(sumRight, shared[at + plan.Rows]);
        }

        if (plan.Splits == 1 && a.Linear == 0) outputs.Scale(Inverse(sumLeft), Inverse(sumRight));
        var tables = shared.Cast<Rows4>();
        Rows4 leftRows = tables[plan.OutputTableAt + seat.Row], rightRows = tables[plan.OutputTableAt + seat.Row + plan.Rows];
        if (plan.Splits > 1 && seat.Lane == 0 && quad0 == 0)
        {
            StoreStatistics(a, leftRows, topLeft, sumLeft);
            StoreStatistics(a, rightRows, topRight, sumRight);
        }

        for (var s = 0; s < TOutputs.Count; s++)
        {
            var strip = outputs.Get(s);
            var quad = quad0 + seat.Lane + (s << plan.LaneBits);
            if (quad >= plan.HeadQuads) continue;
            StoreQuad(a, seat, leftRows, quad, strip.Left);
            StoreQuad(a, seat, rightRows, quad, strip.Right);
        }
    }

    private static void StoreStatistics<TMap>(FlashArguments<TMap> a, Rows4 rows, Float4 top, Float4 sum)
        where TMap : unmanaged, ITokenMap
    {
        StoreStatistics(a, rows.Row0, top.X, sum.X);
        StoreStatistics(a, rows.Row1, top.Y, sum.Y);
        StoreStatistics(a, rows.Row2, top.Z, sum.Z);
        StoreStatistics(a, rows.Row3, top.W, sum.W);
    }

    private static void StoreStatistics<TMap>(FlashArguments<TMap> a, int row, float top, float sum)
        where TMap : unmanaged, ITokenMap
    {
        if (row < 0) return;
        a.Statistics[2 * row] = top;
        a.Statistics[(2 * row) + 1] = sum;
    }

    private static void StoreQuad<TMap>(FlashArguments<TMap> a, Seat seat, Rows4 rows, int quad, Quad sums)
        where TMap : unmanaged, ITokenMap
    {
        StoreRow(a, seat, rows.Row0, quad, new Float4(sums.Row0.X, sums.Row1.X, sums.Row2.X, sums.Row3.X));
        StoreRow(a, seat, rows.Row1, quad, new Float4(sums.Row0.Y, sums.Row1.Y, sums.Row2.Y, sums.Row3.Y));
        StoreRow(a, seat, rows.Row2, quad, new Float4(sums.Row0.Z, sums.Row1.Z, sums.Row2.Z, sums.Row3.Z));
        StoreRow(a, seat, rows.Row3, quad, new Float4(sums.Row0.W, sums.Row1.W, sums.Row2.W, sums.Row3.W));
    }

    private static void StoreRow<TMap>(FlashArguments<TMap> a, Seat seat, int row, int quad, Float4 value)
        where TMap : unmanaged, ITokenMap
    {
        if (row < 0) return;
        var column = (seat.Head * a.Plan.Shape.HeadDim) + (4 * quad);
        if (a.Plan.Splits > 1) a.Partials[((long)row * a.Plan.HeadQuads) + quad] = value;
        else StoreChannels(a.Y, row, column, a.Plan.Shape.HeadDim - (4 * quad), value, a.Aligned);
    }

    private static void StoreChannels(TokenRows y, int row, int column, int channels, Float4 value, int aligned)
    {
        if (aligned != 0)
        {
            y.Data.Cast<Float4>()[((long)row * (y.Stride / 4)) + (column / 4)] = value;
            return;
        }

        var at = ((long)row * y.Stride) + column;
        y.Data[at] = value.X;
        if (channels > 1) y.Data[at + 1] = value.Y;
        if (channels > 2) y.Data[at + 2] = value.Z;
        if (channels > 3) y.Data[at + 3] = value.W;
    }

    private static Quad Load<TMap>(FlashArguments<TMap> a, TokenRows tokens, ArrayView<Float4> shared, Seat seat, int table, int channel)
        where TMap : unmanaged, ITokenMap
    {
        var rows = shared.Cast<Rows4>()[table];
        var column = ((seat.Head * a.Plan.Shape.HeadDim) + channel) / 4;
        return new Quad(
            tokens.Quad<TMap>(rows.Row0, column), tokens.Quad<TMap>(rows.Row1, column),
            tokens.Quad<TMap>(rows.Row2, column), tokens.Quad<TMap>(rows.Row3, column));
    }

    private static void StoreTransposed(ArrayView<Float4> shared, int at, int stride, Quad q, float scale)
    {
        shared[at] = new Float4(q.Row0.X * scale, q.Row1.X * scale, q.Row2.X * scale, q.Row3.X * scale);
        shared[at + stride] = new Float4(q.Row0.Y * scale, q.Row1.Y * scale, q.Row2.Y * scale, q.Row3.Y * scale);
        shared[at + (2 * stride)] = new Float4(q.Row0.Z * scale, q.Row1.Z * scale, q.Row2.Z * scale, q.Row3.Z * scale);
        shared[at + (3 * stride)] = new Float4(q.Row0.W * scale, q.Row1.W * scale, q.Row2.W * scale, q.Row3.W * scale);
    }

    private static void FillQueryTables<TMap>(FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat)
        where TMap : unmanaged, ITokenMap
    {
        var plan = a.Plan;
        var table = shared.SubView(plan.TablesAt, (plan.Shape.Corners + 1) * plan.QueryQuads).Cast<int>();
        for (var q = Group.IdxX; q < plan.BlockQueries; q += Group.DimX)
        {
            var query = IntrinsicMath.Min(seat.Query + q, plan.Shape.Queries - 1);
            for (var corner = 0; corner < plan.Shape.Corners; corner++)
                table[(corner * plan.BlockQueries) + q] = a.Map.Query(seat.Sequence, query, corner);
            var output = a.Map.Output(seat.Sequence, query);
            if (plan.Splits > 1)
                output = (((((seat.Split * (plan.Shape.Sequences / a.Heads)) + seat.Sequence) * a.Heads) + seat.Head) * plan.Shape.Queries) + query;
            table[(plan.Shape.Corners * plan.BlockQueries) + q] = seat.Query + q < plan.Shape.Queries ? output : -1;
        }
    }

    private static void FillKeyTable<TMap>(FlashArguments<TMap> a, ArrayView<Float4> shared, Seat seat, int key0)
        where TMap : unmanaged, ITokenMap
    {
        var table = shared.SubView(a.Plan.KeyTableAt, a.Plan.BlockKeys / 4).Cast<int>();
        for (var k = Group.IdxX; k < a.Plan.BlockKeys; k += Group.DimX)
            table[k] = a.Map.Key(seat.Sequence, IntrinsicMath.Min(key0 + k, a.Plan.Shape.Keys - 1));
    }

    private static Seat SeatOf<TMap>(FlashArguments<TMap> a)
        where TMap : unmanaged, ITokenMap
    {
        var plan = a.Plan;
        var group = Grid.IdxX;
        var block = group % plan.QueryBlocks;
        group /= plan.QueryBlocks;
        var split = group % plan.Splits;
        group /= plan.Splits;
        var thread = Group.IdxX;
        var (lowRow, lowLane) = (IntrinsicMath.Min(plan.RowBits, 1), IntrinsicMath.Min(plan.LaneBits, 1));
        var row = thread & ((1 << lowRow) - 1);
        thread >>= lowRow;
        var lane = thread & ((1 << lowLane) - 1);
        thread >>= lowLane;
        row |= (thread << lowRow) & (plan.Rows - 1);
        lane |= thread >> (plan.RowBits - lowRow) << lowLane;
        return new Seat(
            row, lane, group / a.Heads, group % a.Heads, block * plan.BlockQueries,
            split * plan.SplitKeys, IntrinsicMath.Min((split + 1) * plan.SplitKeys, plan.Shape.Keys), split);
    }

    private static Float4 LargestRow(Quad q) => Larger(Larger(q.Row0, q.Row1), Larger(q.Row2, q.Row3));

    private static Float4 All(float value) => new(value, value, value, value);

    private static Float4 Larger(Float4 a, Float4 b) => new(a.X > b.X ? a.X : b.X, a.Y > b.Y ? a.Y : b.Y, a.Z > b.Z ? a.Z : b.Z, a.W > b.W ? a.W : b.W);

    private static Float4 Max(Float4 a, Float4 b) => new(SimtMath.Max(a.X, b.X), SimtMath.Max(a.Y, b.Y), SimtMath.Max(a.Z, b.Z), SimtMath.Max(a.W, b.W));

    private static Float4 Plus(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    private static Float4 Minus(Float4 a, Float4 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    private static Float4 Times(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    private static Float4 Inverse(Float4 a) => new(1f / a.X, 1f / a.Y, 1f / a.Z, 1f / a.W);

    private static Float4 Exp2(Float4 a) => new(SimtMath.Exp2(a.X), SimtMath.Exp2(a.Y), SimtMath.Exp2(a.Z), SimtMath.Exp2(a.W));
}
