namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Attention of sequences on the CPU: keys and values of each head are packed once, in parallel, then blocks of queries are shared
/// between the threads.
/// </summary>
internal static unsafe class AttentionCpu
{
    /// <summary>Keys and values of a block: a third of a megabyte, a third of the second-level cache.</summary>
    private const int KeyBlockFloats = 96 << 10;

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
        var keyBlocks = (keys + keyBlock - 1) / keyBlock;
        var packedFloats = (long)FlashTile.Padded(keys) * d;
        using var scope = device.Scope();
        var packed = device.Rent(batch * heads, checked((int)packedFloats));
        var values = device.Rent(batch * heads, keys, dvPadded);
        device.Pool.For(batch * heads * keyBlocks, (item, _) =>
        {
            var (sequence, block) = (item / keyBlocks, item % keyBlocks);
            var (b, h) = (sequence / heads, sequence % heads);
            var first = block * keyBlock;
            var count = Math.Min(keyBlock, keys - first);
            var rows = stackalloc float*[keyBlock];
            var source = k.Pointer + ((nint)((b * keys) + first) * k.RowStride) + (h * d);
            for (var i = 0; i < count; i++) rows[i] = source + ((nint)i * k.RowStride);
            FlashTile.PackKeys(device.Isa, rows, count, d, packed.Pointer + (sequence * (nint)packedFloats) + ((nint)first * d));
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
                Output = scratch,
                Scores = gathered + (FlashTile.MaxQueries * (nint)dPadded),
            });
            var target = y.Pointer + ((nint)((b * queries) + first) * y.RowStride) + (h * dv);
            for (var i = 0; i < count; i++)
                new ReadOnlySpan<float>(scratch + (i * (nint)dvPadded), dv).CopyTo(new Span<float>(target + ((nint)i * y.RowStride), dv));
        });
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
