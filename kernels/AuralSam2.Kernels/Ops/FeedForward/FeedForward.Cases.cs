using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>The fused second half of a transformer block, with and without the attention's projection.</summary>
internal static class FeedForwardCases
{
    private const float Epsilon = 1e-6f;

    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5, 7, 0, Activation.Gelu) with { Tiny = true };
        yield return Of(1, 16, 64, 16, Activation.Relu) with { Tiny = true };
        yield return Of(9, 16, 16, 16, Activation.Gelu, gap: 4) with { Tiny = true };
        yield return Of(10, 5, 9, 6, Activation.Relu, gap: 1) with { Tiny = true };
        yield return Of(0, 8, 16, 8, Activation.Gelu) with { Tiny = true };
        yield return Of(71, 24, 96, 24, Activation.Gelu);
        yield return Of(139, 17, 33, 40, Activation.Gelu, gap: 3); // attention wider than the stream, nothing a multiple of anything
        yield return Of(64, 96, 384, 0, Activation.Relu, gap: 5);

        foreach (var embed in (int[])[96, 112, 144]) // Hiera t and s, b+, l
        {
            for (var stage = 0; stage < 4; stage++)
            {
                var channels = embed << stage;
                yield return Of(65536 >> (2 * stage), channels, 4 * channels, channels, Activation.Gelu) with { Real = true };
            }
        }

        yield return Of(4096, 256, 2048, 256, Activation.Relu) with { Real = true }; // memory attention
        yield return Of(10, 256, 1024, 256, Activation.Gelu) with { Real = true }; // AuralFuser, audio tokens
    }

    /// <summary>A block over <paramref name="rows"/> rows; no projection where <paramref name="attention"/> is 0.</summary>
    private static OpCase Of(int rows, int channels, int hidden, int attention, Activation activation, int gap = 0)
    {
        Operand[] projection = attention == 0 ? [] :
        [
            new("attention", OperandRole.Input, [rows, attention], RowGap: gap),
            new("projection weight", OperandRole.Input, [channels, attention]),
            new("projection bias", OperandRole.Input, [channels]),
        ];
        return new OpCase
        {
            Op = "FeedForward",
            Label = $"{rows}x{channels}, hidden {hidden} {activation}" +
                $"{(attention == 0 ? "" : $", projection from {attention}")}{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("x", OperandRole.InOut, [rows, channels], RowGap: gap),
                new("norm weight", OperandRole.Input, [channels], Offset: 1),
                new("norm bias", OperandRole.Input, [channels]),
                new("expand weight", OperandRole.Input, [hidden, channels]),
                new("expand bias", OperandRole.Input, [hidden]),
                new("contract weight", OperandRole.Input, [channels, hidden]),
                new("contract bias", OperandRole.Input, [channels]),
                .. projection,
            ],
            Flops = 2.0 * rows * channels * ((2.0 * hidden) + attention),
            Bytes = 4.0 * ((rows * ((2.0 * channels) + attention)) + (channels * ((2.0 * hidden) + attention))),
            Budget = ReferenceMath.SumBudget(attention + channels + hidden), // the three sums that an output went through
            Bind = (device, t) =>
            {
                PackedMatrix Pack(int weight) => Gemm.Pack(device, t[weight], t[weight + 1]);
                var weights = new FeedForwardWeights(
                    attention == 0 ? null : Pack(8), new NormWeights(t[1], t[2], Epsilon), Pack(3), Pack(5), activation);
                return new OpCall(
                    () => FeedForward.Forward(device, t[0], weights, attention == 0 ? default : t[7]),
                    weights.Projection, weights.Expand, weights.Contract);
            },
            Reference = v =>
            {
                if (attention > 0) AddTo(v[0], ReferenceMath.Linear(v[7], attention, v[8], v[9], channels));
                var wide = ReferenceMath.Linear(ReferenceMath.LayerNorm(v[0], v[1], v[2], Epsilon), channels, v[3], v[4], hidden);
                for (var i = 0; i < wide.Length; i++) wide[i] = ReferenceMath.Activate(activation, wide[i]);
                AddTo(v[0], ReferenceMath.Linear(wide, hidden, v[5], v[6], channels));
            },
        };
    }

    private static void AddTo(double[] target, double[] values)
    {
        for (var i = 0; i < target.Length; i++) target[i] += values[i];
    }
}
