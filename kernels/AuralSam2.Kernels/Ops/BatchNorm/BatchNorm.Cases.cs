using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>As few rows as a clip has sounds, as many as it has cells; both ways of taking statistics.</summary>
internal static class BatchNormCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5, true) with { Tiny = true };
        yield return Of(2, 8, true) with { Tiny = true };
        yield return Of(3, 5, false) with { Tiny = true };
        yield return Of(1, 7, false) with { Tiny = true };
        yield return Of(0, 4, true) with { Tiny = true };
        yield return Of(5, 36, true, gap: 4, inPlace: true) with { Tiny = true };
        yield return Of(9, 33, true, gap: 1) with { Tiny = true };
        yield return Of(6, 20, false, inPlace: true) with { Tiny = true };
        yield return Of(300, 47, true, gap: 3);
        yield return Of(1000, 64, true, inPlace: true);
        // A mean 500 times the deviation: x is known to 3e-5, its mean no better.
        yield return Of(200, 20, true, offset: 500, budget: 1e-4);

        yield return Of(20480, 256, true) with { Real = true }; // fusion module, 5 frames
        yield return Of(20480, 128, true) with { Real = true }; // projection head
        yield return Of(5, 256, true) with { Real = true }; // the sounds
    }

    private static OpCase Of(int rows, int channels, bool training, int gap = 0, bool inPlace = false, double offset = 0, double budget = 1e-6)
    {
        const float epsilon = 1e-5f, momentum = 0.1f;
        return new OpCase
        {
            Op = "BatchNorm",
            Label = $"{rows}x{channels}{(training ? ", training" : "")}{(inPlace ? ", in place" : "")}{(gap == 0 ? "" : ", strided")}" +
                (offset == 0 ? "" : $", mean {offset}"),
            Operands =
            [
                new("x", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], Offset: offset, RowGap: gap),
                new("weight", OperandRole.Input, [channels], Offset: 1),
                new("bias", OperandRole.Input, [channels]),
                new("running mean", training ? OperandRole.InOut : OperandRole.Input, [channels], Constant: true),
                new("running variance", training ? OperandRole.InOut : OperandRole.Input, [channels], Scale: 0.5, Offset: 1, Constant: true),
                .. inPlace ? [] : new Operand[] { new("y", OperandRole.Output, [rows, channels], RowGap: 2 * gap) },
            ],
            Flops = rows == 0 ? 0 : BatchNorm.Flops(rows, channels, training),
            Bytes = 8.0 * rows * channels,
            Budget = budget,
            Bind = (device, t) => new OpCall(() => BatchNorm.Forward(
                device, t[0], new BatchNormWeights(t[1], t[2], t[3], t[4], epsilon, momentum), inPlace ? t[0] : t[5], training)),
            Reference = v =>
            {
                var target = inPlace ? v[0] : v[5];
                for (var c = 0; c < channels && rows > 0; c++)
                {
                    var channel = Enumerable.Range(0, rows).Select(r => v[0][(r * channels) + c]).ToArray();
                    var (mean, variance) = (v[3][c], v[4][c]);
                    if (training)
                    {
                        mean = channel.Average();
                        var squares = channel.Sum(x => (x - mean) * (x - mean));
                        variance = squares / rows;
                        v[3][c] += momentum * (mean - v[3][c]);
                        v[4][c] += momentum * ((squares / (rows - 1)) - v[4][c]);
                    }

                    for (var r = 0; r < rows; r++)
                        target[(r * channels) + c] = ((channel[r] - mean) / Math.Sqrt(variance + epsilon) * v[1][c]) + v[2][c];
                }
            },
        };
    }
}
