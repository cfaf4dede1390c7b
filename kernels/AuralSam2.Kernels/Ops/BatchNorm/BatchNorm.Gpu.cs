using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Batch norm on a GPU: groups sum a stretch of rows of 32 neighbouring channels, a thread per channel puts the stretches together in order
/// and in float64, and a walk over all elements applies what comes of it.
/// </summary>
internal static class BatchNormGpu
{
    private const int Threads = 256;

    /// <summary>Channels of a group: a row of them is one transaction.</summary>
    private const int GroupChannels = 32;

    /// <summary>Rows of a stretch.</summary>
    private const int Stretch = 256;

    public static readonly GpuKernel<SumArguments> SumKernel = new(BatchNormSums, Threads, maxSharedFloats: Threads);
    public static readonly GpuKernel<StatisticsArguments> StatisticsKernel = new(BatchNormStatistics, Threads);
    public static readonly GpuKernel<TotalArguments> TotalKernel = new(BatchNormTotals, Threads);
    public static readonly GpuKernel<ApplyArguments> ApplyKernel = new(BatchNormApply, Threads);
    public static readonly GpuKernel<SlopeArguments> SlopeKernel = new(BatchNormSlopes, Threads);

    /// <summary>Arguments of <see cref="BatchNormSums"/>: without dy mean and squares around it, with dy the sums of dy and of dy n.</summary>
    public readonly record struct SumArguments(RowView X, RowView Dy, RowView Statistics, RowView Parts, int RowLanes, int ColumnLanes);

    /// <summary>Arguments of <see cref="BatchNormStatistics"/>; without parts the running statistics are taken.</summary>
    public readonly record struct StatisticsArguments(
        RowView Parts, RowView RunningMean, RowView RunningVariance, RowView Statistics, int Rows, float Epsilon, float Momentum);

    /// <summary>Arguments of <see cref="BatchNormTotals"/>; <paramref name="Terms"/>: factor, mean of dy, mean of dy n.</summary>
    public readonly record struct TotalArguments(
        RowView Parts, RowView Weight, RowView Statistics, RowView Terms, RowView Dw, RowView Db, int Rows, int Training);

    /// <summary>Arguments of <see cref="BatchNormApply"/>.</summary>
    public readonly record struct ApplyArguments(RowView X, RowView Statistics, RowView Weight, RowView Bias, RowView Y, RowQuads Walk);

    /// <summary>Arguments of <see cref="BatchNormSlopes"/>; <paramref name="Kept"/>: 1 adds to what dx holds, 0 replaces it.</summary>
    public readonly record struct SlopeArguments(
        RowView Dy, RowView X, RowView Statistics, RowView Terms, RowView Dx, int Kept, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, in BatchNormWeights norm, Tensor statistics, Tensor y, bool training)
    {
        using var scope = device.Scope();
        var parts = training ? Sums(device, x, default, statistics) : default;
        var size = device.GroupSize(StatisticsKernel);
        device.Launch(StatisticsKernel, (x.Columns + size - 1) / size, size, 0, new StatisticsArguments(
            device.Rows(parts), device.Rows(norm.RunningMean), device.Rows(norm.RunningVariance), device.Rows(statistics), x.Rows, norm.Epsilon,
            norm.Momentum));
        var walk = RowQuads.Of(x.Rows, x.Columns, x, y, statistics, norm.Weight, norm.Bias);
        size = device.GroupSize(ApplyKernel);
        device.Launch(ApplyKernel, walk.Groups(size), size, 0, new ApplyArguments(
            device.Rows(x), device.Rows(statistics), device.Rows(norm.Weight), device.Rows(norm.Bias), device.Rows(y), walk));
    }

    public static void Gradient(
        IlgpuDevice device, Tensor dy, Tensor x, Tensor statistics, in BatchNormWeights norm, Tensor dx, Tensor dw, Tensor db, bool training)
    {
        using var scope = device.Scope();
        var terms = device.Arena.Rent(3, x.Columns);
        var parts = Sums(device, x, dy, statistics);
        var size = device.GroupSize(TotalKernel);
        device.Launch(TotalKernel, (x.Columns + size - 1) / size, size, 0, new TotalArguments(
            device.Rows(parts), device.Rows(norm.Weight), device.Rows(statistics), device.Rows(terms), device.Rows(dw), device.Rows(db), x.Rows,
            training ? 1 : 0));
        if (dx.IsEmpty) return;
        var walk = RowQuads.Of(x.Rows, x.Columns, dy, x, statistics, terms, dx);
        size = device.GroupSize(SlopeKernel);
        device.Launch(SlopeKernel, walk.Groups(size), size, 0, new SlopeArguments(
            device.Rows(dy), device.Rows(x), device.Rows(statistics), device.Rows(terms), device.Rows(dx), dx.IsSameAs(dy) ? 0 : 1, walk));
    }

    /// <summary>Two rows for every stretch.</summary>
    private static Tensor Sums(IlgpuDevice device, Tensor x, Tensor dy, Tensor statistics)
    {
        var size = device.GroupSize(SumKernel);
        var columnLanes = Math.Min(GroupChannels, size);
        var (stretches, blocks) = ((x.Rows + Stretch - 1) / Stretch, (x.Columns + columnLanes - 1) / columnLanes);
        var parts = device.Arena.Rent(2 * stretches, x.Columns);
        device.Launch(SumKernel, stretches * blocks, size, size, new SumArguments(
            device.Rows(x), device.Rows(dy), device.Rows(statistics), device.Rows(parts), size / columnLanes, columnLanes));
        return parts;
    }

    internal static void BatchNormSums(SumArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<float>();
        var (thread, lanes) = (GroupThread.Current, arguments.ColumnLanes);
        var blocks = (arguments.X.Columns + lanes - 1) / lanes;
        var stretch = Grid.IdxX / blocks;
        var (lane, own) = (thread.Index & (lanes - 1), thread.Index / lanes);
        var column = ((Grid.IdxX - (stretch * blocks)) * lanes) + lane;
        var (first, end) = (stretch * Stretch, IntrinsicMath.Min(arguments.X.Rows, (stretch + 1) * Stretch));
        var last = column < arguments.X.Columns ? end : first; // threads without a channel only wait
        float sum = 0f, product = 0f, center = 0f;
        if (arguments.Dy.Rows > 0)
        {
            if (last > first) center = arguments.Statistics[0, column];
            for (var r = first + own; r < last; r += arguments.RowLanes)
            {
                var g = arguments.Dy[r, column];
                sum += g;
                product += g * (arguments.X[r, column] - center);
            }

            sum = Over(partials, thread, lanes, sum);
            product = Over(partials, thread, lanes, product);
            if (last > first) product *= arguments.Statistics[1, column];
        }
        else
        {
            for (var r = first + own; r < last; r += arguments.RowLanes) sum += arguments.X[r, column];
            center = Over(partials, thread, lanes, sum) / (end - first);
            var rest = 0f;
            for (var r = first + own; r < last; r += arguments.RowLanes)
            {
                var d = arguments.X[r, column] - center;
                product += d * d;
                rest += d;
            }

            // What rounding left of the mean.
            rest = Over(partials, thread, lanes, rest) / (end - first);
            product = Over(partials, thread, lanes, product) - (rest * rest * (end - first));
            sum = center + rest;
        }

        if (own > 0 | last == first) return;
        arguments.Parts[2 * stretch, column] = sum;
        arguments.Parts[(2 * stretch) + 1, column] = product;
    }

    internal static void BatchNormStatistics(StatisticsArguments arguments)
    {
        var c = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (c >= arguments.Statistics.Columns) return;
        double center = arguments.RunningMean[0, c], variance = arguments.RunningVariance[0, c];
        if (arguments.Parts.Rows > 0)
        {
            double seen = 0, squares = 0;
            center = 0;
            for (var s = 0; s < arguments.Parts.Rows / 2; s++)
            {
                var count = IntrinsicMath.Min(Stretch, arguments.Rows - (s * Stretch));
                var distance = arguments.Parts[2 * s, c] - center;
                squares += arguments.Parts[(2 * s) + 1, c] + (distance * distance * seen * count / (seen + count));
                seen += count;
                center += distance * count / seen;
            }

            variance = squares / arguments.Rows;
            var (mean, unbiased) = (arguments.RunningMean[0, c], arguments.RunningVariance[0, c]);
            arguments.RunningMean[0, c] = (float)(mean + (arguments.Momentum * (center - mean)));
            arguments.RunningVariance[0, c] = (float)(unbiased + (arguments.Momentum * ((squares / (arguments.Rows - 1)) - unbiased)));
        }

        arguments.Statistics[0, c] = (float)center;
        arguments.Statistics[1, c] = (float)(1.0 / Math.Sqrt(variance + arguments.Epsilon));
    }

    internal static void BatchNormTotals(TotalArguments arguments)
    {
        var c = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (c >= arguments.Terms.Columns) return;
        double gradient = 0, product = 0;
        for (var s = 0; s < arguments.Parts.Rows / 2; s++)
        {
            gradient += arguments.Parts[2 * s, c];
            product += arguments.Parts[(2 * s) + 1, c];
        }

        if (arguments.Db.Rows > 0) arguments.Db[0, c] += (float)gradient;
        if (arguments.Dw.Rows > 0) arguments.Dw[0, c] += (float)product;
        arguments.Terms[0, c] = arguments.Weight[0, c] * arguments.Statistics[1, c];
        arguments.Terms[1, c] = arguments.Training == 0 ? 0f : (float)(gradient / arguments.Rows);
        arguments.Terms[2, c] = arguments.Training == 0 ? 0f : (float)(product / arguments.Rows);
    }

    internal static void BatchNormApply(ApplyArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var factor = Times(arguments.Weight.Load(0, quad), arguments.Statistics.Load(1, quad));
        var centered = arguments.Statistics.Load(0, quad).MultiplyAdd(-1f, arguments.X.Load(row, quad));
        arguments.Y.Store(row, quad, centered.MultiplyAdd(factor, arguments.Bias.Load(0, quad)));
    }

    internal static void BatchNormSlopes(SlopeArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var centered = arguments.Statistics.Load(0, quad).MultiplyAdd(-1f, arguments.X.Load(row, quad));
        var normalised = Times(centered, arguments.Statistics.Load(1, quad));
        var d = arguments.Terms.Load(1, quad).MultiplyAdd(-1f, arguments.Dy.Load(row, quad));
        d = Times(normalised, arguments.Terms.Load(2, quad)).MultiplyAdd(-1f, d);
        d = Times(d, arguments.Terms.Load(0, quad));
        arguments.Dx.Store(row, quad, arguments.Kept == 0 ? d : d + arguments.Dx.Load(row, quad));
    }

    private static Float4 Times(Float4 a, Float4 b) => a.MultiplyAdd(b, default);

    /// <summary>The sum over the threads of a group that have the same channel.</summary>
    private static float Over(ArrayView<float> partials, GroupThread thread, int lanes, float value)
    {
        partials[thread.Index] = value;
        for (var half = thread.Count / 2; half >= lanes; half /= 2)
        {
            thread.Barrier();
            if (thread.Index < half) partials[thread.Index] += partials[thread.Index + half];
        }

        thread.Barrier();
        var total = partials[thread.Index & (lanes - 1)];
        thread.Barrier(); // before the next sum overwrites this one
        return total;
    }
}
