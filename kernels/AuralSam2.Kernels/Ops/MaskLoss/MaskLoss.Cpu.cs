using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Mask losses on the CPU: threads take stretches of pixels of all three masks; vectors add up a thousand pixels, float64 the rest, in order.
/// </summary>
internal static unsafe class MaskLossCpu
{
    private const int PixelsPerItem = 16384;

    /// <summary>Pixels whose sums stay in float32.</summary>
    private const int Block = 1024;

    /// <summary>Sums of a mask: focal loss, p, p y, intersection and area of x > 0.</summary>
    private const int Sums = 5;

    public static void Run(
        CpuDevice device, Tensor logits, Tensor target, Tensor ious, Tensor objectLogit, in MaskLossWeights weights, Tensor statistics,
        Tensor terms, Tensor loss)
    {
        var pixels = target.Columns;
        var items = (pixels + PixelsPerItem - 1) / PixelsPerItem;
        var parts = new double[items, (MaskLoss.Masks * Sums) + 1]; // last, the object's area
        device.Pool.For(items, (item, _) =>
        {
            var (first, count) = (item * PixelsPerItem, Math.Min(PixelsPerItem, pixels - (item * PixelsPerItem)));
            fixed (double* sums = &parts[item, 0])
            {
                float* x = logits.Pointer + first, y = target.Pointer + first;
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Add<Simd512, Vector512<float>>(count, x, pixels, y, sums); break;
                    case CpuIsa.Avx2: Add<Simd256, Vector256<float>>(count, x, pixels, y, sums); break;
                    default: Add<Simd128, Vector128<float>>(count, x, pixels, y, sums); break;
                }
            }
        });

        var total = new double[parts.GetLength(1)];
        for (var item = 0; item < items; item++)
            for (var i = 0; i < total.Length; i++) total[i] += parts[item, i];
        var area = total[^1];
        var (best, least, iouError) = (0, double.PositiveInfinity, 0.0);
        Span<double> focal = stackalloc double[MaskLoss.Masks], dice = stackalloc double[MaskLoss.Masks];
        var stored = statistics.Pointer;
        for (var m = 0; m < MaskLoss.Masks; m++)
        {
            var sums = total.AsSpan(m * Sums, Sums);
            var (numerator, denominator) = ((2 * sums[2]) + 1, sums[1] + area + 1);
            (focal[m], dice[m]) = (sums[0] / pixels, 1 - (numerator / denominator));
            var iou = sums[3] / Math.Max(1, sums[4] + area - sums[3]);
            var error = Math.Abs(ious.Pointer[m] - (float)iou);
            iouError += error / MaskLoss.Masks;
            var score = (weights.Focal * focal[m]) + (weights.Dice * dice[m]);
            if (m == 0 || score < least || (double.IsNaN(score) && !double.IsNaN(least))) (best, least) = (m, score); // a NaN must show
            (stored[m], stored[3 + m], stored[6 + m], stored[9 + m]) = ((float)focal[m], (float)dice[m], error, (float)iou);
            (stored[12 + m], stored[15 + m]) = ((float)numerator, (float)denominator);
        }

        var (present, logit) = (area > 0 ? 1.0 : 0.0, (double)*objectLogit.Pointer);
        (stored[18], stored[19], stored[20]) = (best, (float)present, 0);
        var score0 = Math.Max(logit, 0) - (logit * present) + Math.Log(1 + Math.Exp(-Math.Abs(logit)));
        var mask = present == 0 ? 0 : focal[best] / weights.Objects;
        var overlap = present == 0 ? 0 : dice[best] / weights.Objects;
        var quality = present == 0 ? 0 : iouError / weights.Objects;
        var objects = score0 / weights.Objects;
        terms.Pointer[0] += (float)mask;
        terms.Pointer[1] += (float)overlap;
        terms.Pointer[2] += (float)quality;
        terms.Pointer[3] += (float)objects;
        *loss.Pointer += (float)((weights.Focal * mask) + (weights.Dice * overlap) + (weights.Iou * quality) + (weights.Object * objects));
    }

    public static void Gradient(
        CpuDevice device, in MaskLoss.Kept kept, Tensor dTerms, Tensor dLoss, Tensor dLogits, Tensor dIous, Tensor dObject)
    {
        var (weights, pixels) = (kept.Weights, kept.Target.Columns);
        var statistics = kept.Statistics.Pointer;
        var (best, present, outer) = ((int)statistics[18], statistics[19], *dLoss.Pointer);
        float Factor(int term, float weight) => ((outer * weight) + dTerms.Pointer[term]) / weights.Objects;
        if (!dObject.IsEmpty)
        {
            var p = 1 / (1 + Math.Exp(-(double)*kept.ObjectLogit.Pointer));
            *dObject.Pointer += (float)(Factor(3, weights.Object) * (p - present));
        }

        if (present == 0) return;
        if (!dIous.IsEmpty)
        {
            for (var m = 0; m < MaskLoss.Masks; m++)
                dIous.Pointer[m] += Factor(2, weights.Iou) / MaskLoss.Masks * MathF.Sign(kept.Ious.Pointer[m] - statistics[9 + m]);
        }

        if (dLogits.IsEmpty) return;
        double numerator = statistics[12 + best], denominator = statistics[15 + best], dice = Factor(1, weights.Dice);
        var slopes = new Slopes(
            Factor(0, weights.Focal) / pixels, (float)(-dice * ((2 * denominator) - numerator) / (denominator * denominator)),
            (float)(dice * numerator / (denominator * denominator)));
        var (logits, target) = (kept.Logits.At(best), kept.Target);
        var to = (nint)dLogits.Pointer + ((nint)best * pixels * sizeof(float));
        device.Pool.For((pixels + PixelsPerItem - 1) / PixelsPerItem, (item, _) =>
        {
            var (first, count) = (item * PixelsPerItem, Math.Min(PixelsPerItem, pixels - (item * PixelsPerItem)));
            float* x = logits.Pointer + first, y = target.Pointer + first, dx = (float*)to + first;
            switch (device.Isa)
            {
                case CpuIsa.Avx512: AddSlopes<Simd512, Vector512<float>>(count, x, y, dx, slopes); break;
                case CpuIsa.Avx2: AddSlopes<Simd256, Vector256<float>>(count, x, y, dx, slopes); break;
                default: AddSlopes<Simd128, Vector128<float>>(count, x, y, dx, slopes); break;
            }
        });
    }

    /// <summary>Factor of the focal loss of a pixel, and the slope of dice by p on the object and beside it.</summary>
    private readonly record struct Slopes(float Focal, float DiceOn, float DiceOff);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<S, V>(int count, float* x, nint stride, float* y, double* sums)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* tailX = stackalloc float[S.Width], tailY = stackalloc float[S.Width];
        for (var start = 0; start < count; start += Block)
        {
            var end = Math.Min(count, start + Block);
            for (var m = 0; m < MaskLoss.Masks; m++)
            {
                V focal = S.Zero, p = S.Zero, both = S.Zero, intersection = S.Zero, area = S.Zero, target = S.Zero;
                var logits = x + (m * stride);
                for (var i = start; i < end; i += S.Width)
                {
                    var valid = end - i;
                    V logit, label;
                    if (valid >= S.Width)
                    {
                        (logit, label) = (S.Load(logits + i), S.Load(y + i));
                    }
                    else
                    {
                        // Behind the end: far beside the object, where nothing is added.
                        for (var j = 0; j < S.Width; j++) (tailX[j], tailY[j]) = j < valid ? (logits[i + j], y[i + j]) : (-1e4f, 0);
                        (logit, label) = (S.Load(tailX), S.Load(tailY));
                    }

                    var one = S.Create(1f);
                    var on = S.SelectGreater(label, S.Zero, one, S.Zero);
                    var right = S.SelectGreater(label, S.Zero, logit, S.Sub(S.Zero, logit)); // the logit of the right answer
                    var wrong = VectorMath.Sigmoid<S, V>(S.Sub(S.Zero, right));
                    var alpha = S.Fma(on, S.Create(-0.5f), S.Create(0.75f));
                    focal = S.Fma(S.Mul(alpha, S.Mul(wrong, wrong)), VectorMath.Softplus<S, V>(S.Sub(S.Zero, right)), focal);
                    var probability = S.SelectGreater(label, S.Zero, S.Sub(one, wrong), wrong);
                    var positive = S.SelectGreater(logit, S.Zero, one, S.Zero);
                    p = S.Add(p, probability);
                    both = S.Fma(probability, on, both);
                    intersection = S.Fma(positive, on, intersection);
                    area = S.Add(area, positive);
                    target = S.Add(target, on);
                }

                var own = sums + (m * Sums);
                own[0] += S.Sum(focal);
                own[1] += S.Sum(p);
                own[2] += S.Sum(both);
                own[3] += S.Sum(intersection);
                own[4] += S.Sum(area);
                if (m == 0) sums[MaskLoss.Masks * Sums] += S.Sum(target);
            }
        }
    }

    /// <summary>
    /// With z the logit of the right answer and q = sigmoid(-z): d(a q^2 softplus(-z))/dz = -a q^2 (2 (1 - q) softplus(-z) + q), and dp/dx = q (1 - q).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddSlopes<S, V>(int count, float* x, float* y, float* dx, Slopes slopes)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* tailX = stackalloc float[S.Width], tailY = stackalloc float[S.Width], tailD = stackalloc float[S.Width];
        for (var i = 0; i < count; i += S.Width)
        {
            float* from = x + i, labels = y + i, to = dx + i;
            var valid = Math.Min(S.Width, count - i);
            if (valid < S.Width)
            {
                for (var j = 0; j < S.Width; j++) (tailX[j], tailY[j], tailD[j]) = j < valid ? (from[j], labels[j], to[j]) : (0, 0, 0);
                from = tailX;
                labels = tailY;
                to = tailD;
            }

            V logit = S.Load(from), label = S.Load(labels), one = S.Create(1f);
            var right = S.SelectGreater(label, S.Zero, logit, S.Sub(S.Zero, logit));
            var surprise = S.Sub(S.Zero, right);
            var q = VectorMath.Sigmoid<S, V>(surprise);
            var certainty = S.Sub(one, q);
            var focal = S.Fma(S.Add(certainty, certainty), VectorMath.Softplus<S, V>(surprise), q);
            focal = S.Mul(S.Mul(q, q), focal);
            focal = S.Mul(focal, S.SelectGreater(label, S.Zero, S.Create(-0.25f * slopes.Focal), S.Create(0.75f * slopes.Focal)));
            var dice = S.Mul(S.Mul(q, certainty), S.SelectGreater(label, S.Zero, S.Create(slopes.DiceOn), S.Create(slopes.DiceOff)));
            S.Store(S.Add(S.Add(focal, dice), S.Load(to)), to);
            if (valid < S.Width)
                for (var j = 0; j < valid; j++) dx[i + j] = tailD[j];
        }
    }
}
