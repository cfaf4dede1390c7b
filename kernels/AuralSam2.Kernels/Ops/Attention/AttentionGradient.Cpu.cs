namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of attention on the CPU. An item takes a run of keys and a run of queries of one head; dq of several runs of keys, and dk and
/// dv of several runs of queries, are partial sums of their own, added in order. How work is cut depends on shapes alone, so results do not
/// depend on the number of threads.
/// </summary>
internal static unsafe class AttentionGradientCpu
{
    /// <summary>Items to make where one head has many keys or queries.</summary>
    private const int Items = 16;

    /// <summary>Fewest keys or queries of a run that is made for the sake of parallelism.</summary>
    private const int ShortestRun = 256;

    public static void Run(CpuDevice device, in AttentionGradientOperands operands)
    {
        var o = operands;
        var wantsValues = !o.Dv.IsEmpty;
        if (!o.WantsScores && !wantsValues) return;

        // The shorter side is the one of which there are partial sums.
        var runs = Math.Clamp(Math.Max(o.Keys, o.Queries) / ShortestRun, 1, (Items + o.Sequences - 1) / o.Sequences);
        var (keyRuns, queryRuns) = o.Keys >= o.Queries ? (runs, 1) : (1, runs);
        var keysEach = RoundUp((o.Keys + keyRuns - 1) / keyRuns, 8);
        var queriesEach = RoundUp((o.Queries + queryRuns - 1) / queryRuns, AttentionGradientTile.Queries);
        using var scope = device.Scope();
        var dq = Partials(device, o.Dq, keyRuns);
        var dk = Partials(device, o.Dk, queryRuns);
        var dv = Partials(device, o.Dv, queryRuns);
        device.Pool.For(o.Sequences * runs, (item, worker) =>
        {
            var (sequence, run) = (item / runs, item % runs);
            var (keyRun, queryRun) = keyRuns > 1 ? (run, 0) : (0, run);
            var (firstKey, firstQuery) = (keyRun * keysEach, queryRun * queriesEach);
            var tile = new AttentionGradientTile
            {
                Operands = o,
                Dq = dq.IsEmpty ? default : keyRuns > 1 ? dq.At(keyRun) : o.Dq,
                Dk = dk.IsEmpty ? default : queryRuns > 1 ? dk.At(queryRun) : o.Dk,
                Dv = dv.IsEmpty ? default : queryRuns > 1 ? dv.At(queryRun) : o.Dv,
                Sequence = sequence,
                FirstKey = firstKey,
                EndKey = Math.Min(o.Keys, firstKey + keysEach),
                FirstQuery = firstQuery,
                EndQuery = Math.Min(o.Queries, firstQuery + queriesEach),
            };
            tile.Run(device, worker);
        });
        Add(device, dq, o.Dq, keyRuns);
        Add(device, dk, o.Dk, queryRuns);
        Add(device, dv, o.Dv, queryRuns);
    }

    /// <summary>Room for the sums of several runs; one run adds to the gradient itself.</summary>
    private static Tensor Partials(CpuDevice device, Tensor gradient, int runs)
    {
        if (gradient.IsEmpty || runs == 1) return gradient;
        var partials = device.Rent(runs, gradient.Rows, gradient.Columns);
        device.FillCore(partials, 0);
        return partials;
    }

    private static void Add(CpuDevice device, Tensor partials, Tensor gradient, int runs)
    {
        if (gradient.IsEmpty || runs == 1) return;
        for (var run = 0; run < runs; run++) Elementwise.Accumulate(device, partials.At(run), gradient);
    }

    private static int RoundUp(int n, int multiple) => (n + multiple - 1) / multiple * multiple;
}
