namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Attention of sequences on the CPU: keys and values of each head are packed once, in parallel, then blocks of queries are shared
/// between the threads.
/// </summary>
internal static unsafe class AttentionCpu
{
    /// <summary>Keys and values of a block: a third of a megabyte, a third of the second-level cache.</summary>
    private const int KeyBlockFloats = 96 << 10;

    /// <summary>Up to here one or two tiles of queries meet a key: it is packed by the thread that needs it, and values are read in place.</summary>
    private const int FewQueries = 16;

    /// <summary>Up to here results are a good part of the traffic: blocks of whole tiles write them in place.</summary>
    private const int FewKeys = 64;

    /// <summary>Multiply-adds that take no longer than waking a thread.</summary>
    private const long SmallWork = 1 << 18;

    /// <summary>Softmax attention, or, with a <paramref name="linearScale"/>, the plain product (scale q k^T) v.</summary>
    /// <remarks>The log-sums of the softmaxes go to <paramref name="logSums"/> <c>[batch * heads, queries]</c> where it is given.</remarks>
    public static void Run(
        CpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, int batch, float? linearScale = null,
        AttentionDropout dropout = default, Tensor logSums = default)
    {
        if (q.Rows == 0) return;
        var (d, dv) = (q.Columns / heads, v.Columns / heads);
        var (queries, keys) = (q.Rows / batch, k.Rows / batch);
        var (dPadded, dvPadded) = (FlashTile.Padded(d), FlashTile.Padded(dv));
        var keyBlock = Math.Min(FlashTile.Padded(keys), Math.Max(48, KeyBlockFloats / (dPadded + dvPadded) / 48 * 48));
        var packedFloats = checked((int)((long)FlashTile.Padded(keys) * d));
        if (queries <= FewQueries && packedFloats <= KeyBlockFloats && dv == dvPadded && batch * heads >= device.Threads)
        {
            RunFewQueries(device, q, k, v, y, heads, batch, keyBlock, linearScale ?? 0, dropout, logSums);
            return;
        }

        var keyBlocks = (keys + keyBlock - 1) / keyBlock;
        using var scope = device.Scope();
        var packed = device.Rent(batch * heads, packedFloats);
        var values = device.Rent(batch * heads, keys, dvPadded);
        device.Pool.For(batch * heads * keyBlocks, (item, _) =>
        {
            var (sequence, block) = (item / keyBlocks, item % keyBlocks);
            var (b, h) = (sequence / heads, sequence % heads);
            var first = block * keyBlock;
            var count = Math.Min(keyBlock, keys - first);
            Pack(
                device.Isa, k.Pointer + ((nint)((b * keys) + first) * k.RowStride) + (h * d), k.RowStride, count, d,
                packed.Pointer + (sequence * (nint)packedFloats) + ((nint)first * d));
            CopyPadded(
                count, dv, v.Pointer + ((nint)((b * keys) + first) * v.RowStride) + (h * dv), v.RowStride,
                values.Pointer + (((nint)sequence * keys) + first) * dvPadded, dvPadded);
        });

        var queryBlocks = (queries + FlashTile.MaxQueries - 1) / FlashTile.MaxQueries;
        device.Pool.For(batch * heads * queryBlocks, (item, worker) =>
        {
            var (sequence, block) = (item / queryBlocks, item % queryBlocks);
            var (b, h) = (sequence / heads, sequence % heads);
            var first = block * FlashTile.MaxQueries;
            var count = Math.Min(FlashTile.MaxQueries, queries - first);
            var scratch = device.Scratch(worker, FlashTile.MaxQueries * ((nint)dPadded + dvPadded + FlashTile.Padded(keyBlock)));
            var gathered = scratch + (FlashTile.MaxQueries * (nint)dvPadded);
            var target = y.Pointer + ((nint)((b * queries) + first) * y.RowStride) + (h * dv);
            var inPlace = keys <= FewKeys && count % FlashTile.TileRows == 0 && dv == dvPadded;
            CopyPadded(count, d, q.Pointer + ((nint)((b * queries) + first) * q.RowStride) + (h * d), q.RowStride, gathered, dPadded);
            FlashTile.Run(device.Isa, new FlashTile.Block
            {
                Q = gathered,
                StrideQ = dPadded,
                Queries = count,
                PackedKeys = packed.Pointer + (sequence * (nint)packedFloats),
                V = values.Pointer + ((nint)sequence * keys * dvPadded),
                StrideV = dvPadded,
                Keys = keys,
                KeyBlock = keyBlock,
                HeadDim = d,
                ValueDim = dv,
                LinearScale = linearScale ?? 0,
                Dropout = dropout,
                FirstRow = ((long)sequence * queries) + first,
                LogSums = logSums.IsEmpty ? null : logSums.Pointer + ((nint)sequence * queries) + first,
                Output = inPlace ? target : scratch,
                StrideOutput = inPlace ? y.RowStride : dvPadded,
                Scores = gathered + (FlashTile.MaxQueries * (nint)dPadded),
            });
            if (!inPlace) CopyRows(count, dv, scratch, dvPadded, target, y.RowStride);
        });
    }

    /// <summary>A head of a sequence is an item. The same blocks in the same order as with many queries: the same bits.</summary>
    private static void RunFewQueries(
        CpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, int batch, int keyBlock, float linearScale, AttentionDropout dropout,
        Tensor logSums)
    {
        var (d, dv) = (q.Columns / heads, v.Columns / heads);
        var (queries, keys) = (q.Rows / batch, k.Rows / batch);
        var dPadded = FlashTile.Padded(d);
        var sequences = batch * heads;
        var small = (long)sequences * queries * keys * (d + dv) <= SmallWork;
        var each = small ? sequences : 1;
        device.Pool.For(sequences / each, (item, worker) =>
        {
            var scratch = device.Scratch(worker, (FewQueries * ((nint)dPadded + dv + FlashTile.Padded(keyBlock))) + ((nint)FlashTile.Padded(keys) * d));
            var gathered = scratch + (FewQueries * (nint)dv);
            var scores = gathered + (FewQueries * (nint)dPadded);
            var packed = scores + (FewQueries * (nint)FlashTile.Padded(keyBlock));
            for (var sequence = item * each; sequence < (item + 1) * each; sequence++)
            {
                var (b, h) = (sequence / heads, sequence % heads);
                var key = k.Pointer + ((nint)b * keys * k.RowStride) + (h * d);
                for (var first = 0; first < keys; first += keyBlock)
                    Pack(device.Isa, key + ((nint)first * k.RowStride), k.RowStride, Math.Min(keyBlock, keys - first), d, packed + ((nint)first * d));
                CopyPadded(queries, d, q.Pointer + ((nint)b * queries * q.RowStride) + (h * d), q.RowStride, gathered, dPadded);
                FlashTile.Run(device.Isa, new FlashTile.Block
                {
                    Q = gathered,
                    StrideQ = dPadded,
                    Queries = queries,
                    PackedKeys = packed,
                    V = v.Pointer + ((nint)b * keys * v.RowStride) + (h * dv),
                    StrideV = v.RowStride,
                    Keys = keys,
                    KeyBlock = keyBlock,
                    HeadDim = d,
                    ValueDim = dv,
                    LinearScale = linearScale,
                    Dropout = dropout,
                    FirstRow = (long)sequence * queries,
                    LogSums = logSums.IsEmpty ? null : logSums.Pointer + ((nint)sequence * queries),
                    Output = scratch,
                    StrideOutput = dv,
                    Scores = scores,
                });
                CopyRows(queries, dv, scratch, dv, y.Pointer + ((nint)b * queries * y.RowStride) + (h * dv), y.RowStride);
            }
        });
    }

    /// <summary>A block of keys of one head as panels.</summary>
    private static void Pack(CpuIsa isa, float* keys, nint stride, int count, int d, float* target)
    {
        var rows = stackalloc float*[count];
        for (var i = 0; i < count; i++) rows[i] = keys + (i * stride);
        FlashTile.PackKeys(isa, rows, count, d, target);
    }

    private static void CopyRows(int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
    {
        for (var i = 0; i < rows; i++)
            new ReadOnlySpan<float>(source + (i * strideSource), columns).CopyTo(new Span<float>(target + (i * strideTarget), columns));
    }

    /// <summary>Copies rows and clears their padding.</summary>
    public static void CopyPadded(int rows, int columns, float* source, nint strideSource, float* target, int strideTarget)
    {
        for (var i = 0; i < rows; i++)
        {
            var row = new Span<float>(target + ((nint)i * strideTarget), strideTarget);
            new ReadOnlySpan<float>(source + (i * strideSource), columns).CopyTo(row);
            row[columns..].Clear();
        }
    }
}
