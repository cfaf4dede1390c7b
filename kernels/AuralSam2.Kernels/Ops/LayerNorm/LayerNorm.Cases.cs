using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Norms over one channel to many, with the residual connection and the activation that follow them in the model.</summary>
internal static class LayerNormCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5, false, Activation.None) with { Tiny = true };
        yield return Of(2, 32, true, Activation.Gelu) with { Tiny = true };
        yield return Of(4, 1, false, Activation.None) with { Tiny = true }; // no variance: y is the bias
        yield return Of(0, 16, false, Activation.None) with { Tiny = true };
        yield return Of(3, 96, false, Activation.Sigmoid, gap: 3) with { Tiny = true };
        yield return Of(6, 20, false, Activation.None, inPlace: true) with { Tiny = true };
        yield return Of(9, 33, true, Activation.Relu, gap: 1, inPlace: true) with { Tiny = true };
        // rows that a GPU reads four channels at a time, kept in registers and longer than that
        yield return Of(5, 36, true, Activation.Gelu, gap: 4, inPlace: true) with { Tiny = true };
        yield return Of(11, 8, false, Activation.None) with { Tiny = true };
        yield return Of(3, 132, true, Activation.Relu, gap: 4) with { Tiny = true };
        yield return Of(129, 96, false, Activation.None, gap: 7);
        yield return Of(65, 47, true, Activation.Gelu, gap: 1);
        yield return Of(9, 16, true, Activation.Relu);
        yield return Of(5, 1152, false, Activation.None);
        // A mean 2000 times the deviation: the sum of a row reaches 1e5, where float32 steps by 8e-3, so the mean is known to 1e-4 and y to
        // 2e-4; a one-pass variance would leave nothing.
        yield return Of(7, 100, false, Activation.None, offset: 1000, budget: 2e-4);
        // The same for the emulator, where one thread may add all of a row: 64 times up to 1e-3 is lost, on average far less.
        yield return Of(4, 64, false, Activation.None, offset: 300, budget: 1e-4) with { Tiny = true };

        yield return Of(65536, 96, false, Activation.None) with { Real = true }; // Hiera t, stage 1
        yield return Of(4096, 256, true, Activation.None) with { Real = true }; // decoder, after attention
        yield return Of(16384, 64, false, Activation.Gelu) with { Real = true }; // decoder, upscaling
        yield return Of(4096, 256, false, Activation.None) with { Real = true }; // memory attention
        yield return Of(65536, 16, false, Activation.Gelu) with { Real = true }; // memory encoder, second step down
        yield return Of(262144, 4, false, Activation.Gelu) with { Real = true }; // memory encoder, first step down
    }

    private static OpCase Of(
        int rows, int channels, bool add, Activation activation, int gap = 0, bool inPlace = false, double offset = 0, double budget = 4e-7)
    {
        const float epsilon = 1e-6f;
        return new OpCase
        {
            Op = "LayerNorm",
            Label = $"{rows}x{channels}{(add ? ", add" : "")}{(activation == Activation.None ? "" : $", {activation}")}" +
                $"{(inPlace ? ", in place" : "")}{(gap == 0 ? "" : ", strided")}{(offset == 0 ? "" : $", mean {offset}")}",
            Operands =
            [
                new("x", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], Offset: offset, RowGap: gap),
                new("weight", OperandRole.Input, [channels], Offset: 1),
                new("bias", OperandRole.Input, [channels]),
                .. add ? [new Operand("add", OperandRole.Input, [rows, channels], RowGap: 2 * gap)] : Array.Empty<Operand>(),
                .. inPlace ? [] : new Operand[] { new("y", OperandRole.Output, [rows, channels], RowGap: 3 * gap) },
            ],
            Flops = LayerNorm.Flops(rows, channels),
            Bytes = (add ? 12.0 : 8.0) * rows * channels,
            Budget = budget,
            Bind = (device, t) => new OpCall(
                () => LayerNorm.Forward(
                    device, t[0], new NormWeights(t[1], t[2], epsilon), inPlace ? t[0] : t[^1], add ? t[3] : default, activation)),
            Reference = v =>
            {
                var sum = add ? [.. v[0].Zip(v[3], (a, b) => a + b)] : v[0];
                var y = ReferenceMath.LayerNorm(sum, v[1], v[2], epsilon);
                var target = inPlace ? v[0] : v[^1];
                for (var i = 0; i < y.Length; i++) target[i] = ReferenceMath.Activate(activation, y[i]);
            },
        };
    }
}
