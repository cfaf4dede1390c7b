using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>First and later steps, with and without weight decay and clipping, at lengths on and off whole vectors.</summary>
internal static class AdamWCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Step(1, 1, 1, decay: 0.05) with { Tiny = true };
        yield return Step(3, 7, 1, decay: 0.05) with { Tiny = true };
        yield return Step(4, 16, 2, decay: 0) with { Tiny = true };
        yield return Step(5, 13, 1000, decay: 0.05, clip: 0.25f) with { Tiny = true };
        yield return Step(0, 8, 1, decay: 0.05) with { Tiny = true };
        yield return Step(1, 4096, 3, decay: 0.05); // one item
        yield return Step(33, 257, 12, decay: 0.05, clip: 0.5f); // several, the last with a tail
        yield return Step(1024, 256, 1000, decay: 0.05) with { Real = true }; // a weight of AuralFuser
        yield return Step(58_280_000 / 256, 256, 1000, decay: 0.05) with { Real = true }; // as much as all of it
    }

    private static OpCase Step(int rows, int columns, long step, double decay, float clip = 1f) => new()
    {
        Op = "AdamW",
        Label = $"{rows}x{columns}, step {step}, decay {decay}{(clip == 1f ? "" : $", gradient x {clip}")}",
        Operands =
        [
            new("value", OperandRole.InOut, [rows, columns], Constant: true),
            new("gradient", OperandRole.Input, [rows, columns], Constant: true),
            new("mean", OperandRole.InOut, [rows, columns], Scale: 0.1, Constant: true),
            new("square", OperandRole.InOut, [rows, columns], Scale: 0.5, Offset: 0.5, Constant: true),
        ],
        Flops = 15.0 * rows * columns,
        Bytes = 28.0 * rows * columns,
        Budget = 3e-7, // six roundings, those of 1 - beta among them
        Bind = (device, t) => new OpCall(() => AdamW.Run(device, t[0], t[1], t[2], t[3], new AdamWStep(0.01, decay, step, clip))),
        Reference = v =>
        {
            var (value, gradient, mean, square) = (v[0], v[1], v[2], v[3]);
            for (var i = 0; i < value.Length; i++)
            {
                var g = gradient[i] * clip;
                mean[i] = (0.9 * mean[i]) + (0.1 * g);
                square[i] = (0.999 * square[i]) + (0.001 * g * g);
                var (unbiasedMean, unbiasedSquare) = (mean[i] / (1 - Math.Pow(0.9, step)), square[i] / (1 - Math.Pow(0.999, step)));
                value[i] -= 0.01 * ((decay * value[i]) + (unbiasedMean / (Math.Sqrt(unbiasedSquare) + 1e-8)));
            }
        },
    };
}
