using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Mask losses on a GPU: groups sum stretches of pixels of all three masks, one group adds their sums in float64 and in order; the gradient
/// is one walk over the pixels of the best mask.
/// </summary>
internal static class MaskLossGpu
{
    private const int Threads = 256;

    /// <summary>Groups that share the pixels: two for each multiprocessor of the largest GPUs.</summary>
    private const int MaxGroups = 256;

    /// <summary>Sums of a mask: focal loss, p, p y, intersection and area of x > 0; behind those of all masks, the object's area.</summary>
    private const int Sums = 5;

    private const int AllSums = (MaskLoss.Masks * Sums) + 1;

    public static readonly GpuKernel<SumArguments> SumKernel = new(MaskLossSums, Threads, maxSharedFloats: 2 * Threads);
    public static readonly GpuKernel<TotalArguments> TotalKernel = new(MaskLossTotals, Threads, maxSharedFloats: (2 * Threads) + (2 * AllSums));
    public static readonly GpuKernel<SlopeArguments> SlopeKernel = new(MaskLossSlopes, Threads);

    /// <summary>Arguments of <see cref="MaskLossSums"/>; <paramref name="Parts"/> is <c>[groups, 16]</c>.</summary>
    public readonly record struct SumArguments(RowView Logits, RowView Target, RowView Parts);

    /// <summary>Arguments of <see cref="MaskLossTotals"/>.</summary>
    public readonly record struct TotalArguments(
        RowView Parts, RowView Ious, RowView ObjectLogit, MaskLossWeights Weights, int Pixels, RowView Statistics, RowView Terms, RowView Loss);

    /// <summary>Arguments of <see cref="MaskLossSlopes"/>; gradients that are not wanted have no rows.</summary>
    public readonly record struct SlopeArguments(
        RowView Logits, RowView Target, RowView Ious, RowView ObjectLogit, RowView Statistics, MaskLossWeights Weights, RowView DTerms,
        RowView DLoss, RowView DLogits, RowView DIous, RowView DObject, RowQuads Walk);

    public static void Run(
        IlgpuDevice device, Tensor logits, Tensor target, Tensor ious, Tensor objectLogit, in MaskLossWeights weights, Tensor statistics,
        Tensor terms, Tensor loss)
    {
        using var scope = device.Scope();
        var (pixels, size) = (target.Columns, device.GroupSize(SumKernel));
        var groups = Math.Min(MaxGroups, (pixels + size - 1) / size);
        var parts = device.Arena.Rent(groups, AllSums);
        device.Launch(
            SumKernel, groups, size, 2 * size, new SumArguments(device.Rows(logits), device.Rows(target), device.Rows(parts)));
        size = device.GroupSize(TotalKernel);
        device.Launch(TotalKernel, 1, size, (2 * size) + (2 * AllSums), new TotalArguments(
            device.Rows(parts), device.Rows(ious), device.Rows(objectLogit), weights, pixels, device.Rows(statistics.Reshape(1, (int)statistics.Length)),
            device.Rows(terms), device.Rows(loss)));
    }

    public static void Gradient(
        IlgpuDevice device, in MaskLoss.Kept kept, Tensor dTerms, Tensor dLoss, Tensor dLogits, Tensor dIous, Tensor dObject)
    {
        var pixels = kept.Target.Columns;
        var slopes = dLogits.IsEmpty ? default : dLogits.Reshape(MaskLoss.Masks, pixels);
        var walk = slopes.IsEmpty ? new RowQuads(1, 1, 1, 0) : RowQuads.Of(1, pixels, kept.Logits, kept.Target, slopes);
        var size = device.GroupSize(SlopeKernel);
        device.Launch(SlopeKernel, walk.Groups(size), size, 0, new SlopeArguments(
            device.Rows(kept.Logits), device.Rows(kept.Target), device.Rows(kept.Ious), device.Rows(kept.ObjectLogit),
            device.Rows(kept.Statistics.Reshape(1, (int)kept.Statistics.Length)), kept.Weights, device.Rows(dTerms), device.Rows(dLoss),
            device.Rows(slopes), device.Rows(dIous), device.Rows(dObject), walk));
    }

    internal static void MaskLossSums(SumArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var (thread, group) = (GroupThread.Current, Grid.IdxX);
        var step = Grid.DimX * thread.Count;
        for (var m = 0; m < MaskLoss.Masks; m++)
        {
            float focal = 0, p = 0, both = 0, intersection = 0, area = 0, target = 0;
            for (var i = (group * thread.Count) + thread.Index; i < arguments.Target.Columns; i += step)
            {
                var logit = arguments.Logits[m, i];
                var on = arguments.Target[0, i] > 0f ? 1f : 0f;
                var surprise = on > 0f ? -logit : logit; // the logit of the wrong answer
                var wrong = 1f / (1f + SimtMath.Exp(-surprise));
                focal += (0.75f - (0.5f * on)) * wrong * wrong * SimtMath.Softplus(surprise);
                var probability = on > 0f ? 1f - wrong : wrong;
                var positive = logit > 0f ? 1f : 0f;
                p += probability;
                both += probability * on;
                intersection += positive * on;
                area += positive;
                target += on;
            }

            var at = m * Sums;
            Store(arguments.Parts, partials, thread, group, at, focal);
            Store(arguments.Parts, partials, thread, group, at + 1, p);
            Store(arguments.Parts, partials, thread, group, at + 2, both);
            Store(arguments.Parts, partials, thread, group, at + 3, intersection);
            Store(arguments.Parts, partials, thread, group, at + 4, area);
            if (m == 0) Store(arguments.Parts, partials, thread, group, AllSums - 1, target);
        }
    }

    internal static void MaskLossTotals(TotalArguments arguments)
    {
        var shared = SharedMemory.GetDynamic<double>();
        var thread = GroupThread.Current;
        var totals = shared.SubView(thread.Count, AllSums);
        for (var i = 0; i < AllSums; i++)
        {
            var own = 0.0;
            for (var group = thread.Index; group < arguments.Parts.Rows; group += thread.Count) own += arguments.Parts[group, i];
            var total = LaneSum.Of(shared, thread.Count, own);
            if (thread.Index == 0) totals[i] = total;
        }

        if (thread.Index != 0) return;
        var (weights, stored, area) = (arguments.Weights, arguments.Statistics, totals[AllSums - 1]);
        var (best, least, iouError) = (0, 0.0, 0f);
        for (var m = 0; m < MaskLoss.Masks; m++)
        {
            var at = m * Sums;
            var (numerator, denominator) = ((2 * totals[at + 2]) + 1, totals[at + 1] + area + 1);
            var (focal, dice) = (totals[at] / arguments.Pixels, 1 - (numerator / denominator));
            var union = totals[at + 4] + area - totals[at + 3];
            var iou = (float)(totals[at + 3] / (union < 1 ? 1 : union));
            var error = arguments.Ious[0, m] - iou;
            error = error < 0f ? -error : error;
            iouError += error / MaskLoss.Masks;
            var score = (weights.Focal * focal) + (weights.Dice * dice);
            if (m == 0 | score < least | (double.IsNaN(score) & !double.IsNaN(least))) (best, least) = (m, score); // a NaN must show
            (stored[0, m], stored[0, 3 + m], stored[0, 6 + m], stored[0, 9 + m]) = ((float)focal, (float)dice, error, iou);
            (stored[0, 12 + m], stored[0, 15 + m]) = ((float)numerator, (float)denominator);
        }

        var (present, logit) = (area > 0 ? 1f : 0f, arguments.ObjectLogit[0, 0]);
        (stored[0, 18], stored[0, 19], stored[0, 20]) = (best, present, 0f);
        var share = 1f / weights.Objects;
        var mask = present * share * stored[0, best];
        var overlap = present * share * stored[0, 3 + best];
        var quality = present * share * iouError;
        var objects = share * SimtMath.Softplus(present > 0f ? -logit : logit);
        arguments.Terms[0, 0] += mask;
        arguments.Terms[0, 1] += overlap;
        arguments.Terms[0, 2] += quality;
        arguments.Terms[0, 3] += objects;
        arguments.Loss[0, 0] += (weights.Focal * mask) + (weights.Dice * overlap) + (weights.Iou * quality) + (weights.Object * objects);
    }

    internal static void MaskLossSlopes(SlopeArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty | row > 0) return;
        var (weights, statistics, outer) = (arguments.Weights, arguments.Statistics, arguments.DLoss[0, 0]);
        var (best, present, share) = ((int)statistics[0, 18], statistics[0, 19], 1f / weights.Objects);
        if (quad.First == 0)
        {
            if (arguments.DObject.Rows > 0)
            {
                var p = 1f / (1f + SimtMath.Exp(-arguments.ObjectLogit[0, 0]));
                arguments.DObject[0, 0] += ((outer * weights.Object) + arguments.DTerms[0, 3]) * share * (p - present);
            }

            var factor = ((outer * weights.Iou) + arguments.DTerms[0, 2]) * share * present / MaskLoss.Masks;
            for (var m = 0; m < MaskLoss.Masks & arguments.DIous.Rows > 0; m++)
            {
                var error = arguments.Ious[0, m] - statistics[0, 9 + m];
                arguments.DIous[0, m] += error > 0f ? factor : error < 0f ? -factor : 0f;
            }
        }

        if (present == 0f | arguments.DLogits.Rows == 0) return;
        var focal = ((outer * weights.Focal) + arguments.DTerms[0, 0]) * share / arguments.Target.Columns;
        var dice = ((outer * weights.Dice) + arguments.DTerms[0, 1]) * share;
        var (numerator, denominator) = (statistics[0, 12 + best], statistics[0, 15 + best]);
        var diceOff = dice * (numerator / denominator) / denominator;
        var diceOn = diceOff - (2f * dice / denominator);
        Float4 x = arguments.Logits.Load(best, quad), y = arguments.Target.Load(0, quad), old = arguments.DLogits.Load(best, quad);
        arguments.DLogits.Store(best, quad, old + new Float4(
            Slope(x.X, y.X, focal, diceOn, diceOff), Slope(x.Y, y.Y, focal, diceOn, diceOff),
            Slope(x.Z, y.Z, focal, diceOn, diceOff), Slope(x.W, y.W, focal, diceOn, diceOff)));
    }

    /// <summary>Of one pixel: see the CPU's.</summary>
    private static float Slope(float logit, float label, float focal, float diceOn, float diceOff)
    {
        var surprise = label > 0f ? -logit : logit;
        var q = 1f / (1f + SimtMath.Exp(-surprise));
        var slope = q * q * ((2f * (1f - q) * SimtMath.Softplus(surprise)) + q);
        return (slope * focal * (label > 0f ? -0.25f : 0.75f)) + (q * (1f - q) * (label > 0f ? diceOn : diceOff));
    }

    private static void Store(RowView parts, ArrayView<double> partials, GroupThread thread, int group, int column, float value)
    {
        var sum = LaneSum.Of(partials, thread.Count, (double)value);
        if (thread.Index == 0) parts[group, column] = (float)sum;
    }
}
