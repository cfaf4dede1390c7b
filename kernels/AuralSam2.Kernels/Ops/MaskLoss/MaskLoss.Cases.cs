using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Masks of odd sizes, frames without object, logits from undecided to certain.</summary>
internal static class MaskLossCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(4, 8) with { Tiny = true };
        yield return Of(5, 7, scale: 6) with { Tiny = true };
        yield return Of(3, 5, targetOffset: -2) with { Tiny = true }; // no object
        yield return Of(4, 5, targetOffset: 2) with { Tiny = true }; // nothing else
        yield return Of(1, 1) with { Tiny = true };
        yield return Of(60, 67, scale: 6, details: true);
        yield return Of(150, 151, scale: 20); // over several stretches

        yield return Of(1024, 1024) with { Real = true };
    }

    private static OpCase Of(int height, int width, double scale = 1, double targetOffset = 0, bool details = false)
    {
        var weights = MaskLossWeights.Published;
        return new OpCase
        {
            Op = "MaskLoss",
            Label = $"{height}x{width}, logits up to {scale}{(targetOffset < 0 ? ", no object" : targetOffset > 0 ? ", all object" : "")}",
            Operands =
            [
                new("logits", OperandRole.Input, [MaskLoss.Masks, height, width], Scale: scale),
                new("target", OperandRole.Input, [height, width], Offset: targetOffset, Constant: true),
                new("ious", OperandRole.Input, [1, MaskLoss.Masks], Scale: 0.5, Offset: 0.5),
                new("object", OperandRole.Input, [1, 1], Scale: 2),
                new("terms", OperandRole.InOut, [4]),
                new("loss", OperandRole.InOut, [1]),
                .. details ? [new Operand("details", OperandRole.Output, [MaskLoss.Details, MaskLoss.Masks], Constant: true)] : Array.Empty<Operand>(),
            ],
            Flops = MaskLoss.Flops((long)height * width),
            Bytes = 16.0 * height * width,
            Budget = 1e-6,
            Bind = (device, t) => new OpCall(() => MaskLoss.Forward(
                device, t[0], t[1], t[2], t[3], weights, t[4], t[5], details ? t[6] : default)),
            Reference = v => Reference(v, weights),
        };
    }

    private static void Reference(double[][] v, MaskLossWeights weights)
    {
        var (pixels, on) = (v[1].Length, v[1].Select(y => y > 0 ? 1.0 : 0.0).ToArray());
        var details = new double[MaskLoss.Details * MaskLoss.Masks];
        var (area, iouError) = (on.Sum(), 0.0);
        for (var m = 0; m < MaskLoss.Masks; m++)
        {
            double focal = 0, sum = 0, both = 0, intersection = 0, union = 0;
            for (var i = 0; i < pixels; i++)
            {
                var (x, y) = (v[0][(m * pixels) + i], on[i]);
                var p = 1 / (1 + Math.Exp(-x));
                var entropy = Math.Max(x, 0) - (x * y) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
                focal += ((0.25 * y) + (0.75 * (1 - y))) * Math.Pow(1 - ((p * y) + ((1 - p) * (1 - y))), 2) * entropy;
                sum += p;
                both += p * y;
                intersection += x > 0 && y > 0 ? 1 : 0;
                union += x > 0 || y > 0 ? 1 : 0;
            }

            var iou = intersection / Math.Max(1, union);
            (details[m], details[3 + m]) = (focal / pixels, 1 - (((2 * both) + 1) / (sum + area + 1)));
            (details[6 + m], details[9 + m]) = (Math.Abs(v[2][m] - iou), iou);
            (details[12 + m], details[15 + m]) = ((2 * both) + 1, sum + area + 1);
            iouError += details[6 + m] / MaskLoss.Masks;
        }

        var scores = Enumerable.Range(0, MaskLoss.Masks).Select(m => (weights.Focal * details[m]) + (weights.Dice * details[3 + m])).ToArray();
        var (best, present) = (Array.IndexOf(scores, scores.Min()), area > 0 ? 1.0 : 0.0);
        (details[18], details[19]) = (best, present);
        var logit = v[3][0];
        var score = Math.Max(logit, 0) - (logit * present) + Math.Log(1 + Math.Exp(-Math.Abs(logit)));
        double[] terms = [present * details[best], present * details[3 + best], present * iouError, score];
        for (var i = 0; i < 4; i++) v[4][i] += terms[i];
        v[5][0] += (weights.Focal * terms[0]) + (weights.Dice * terms[1]) + (weights.Iou * terms[2]) + (weights.Object * terms[3]);
        if (v.Length > 6) details.CopyTo(v[6], 0);
    }
}
