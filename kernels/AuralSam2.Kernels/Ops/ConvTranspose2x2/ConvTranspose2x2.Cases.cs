using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>The decoder's two steps up, and odd images.</summary>
internal static class ConvTranspose2x2Cases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(2, 3, 5, 3, false, Activation.None) with { Tiny = true };
        yield return Of(3, 2, 16, 4, true, Activation.Gelu) with { Tiny = true };
        yield return Of(3, 5, 16, 4, true, Activation.Relu) with { Tiny = true }; // lines end within a tile
        yield return Of(3, 4, 6, 3, true, Activation.None) with { Tiny = true };
        yield return Of(3, 4, 6, 5, true, Activation.Gelu, frozen: true) with { Tiny = true };
        yield return Of(1, 1, 1, 1, false, Activation.None);
        yield return Of(3, 9, 16, 8, true, Activation.Gelu);
        yield return Of(5, 70, 33, 17, true, Activation.None); // rows longer than a block
        yield return Of(4, 8, 12, 24, false, Activation.Relu);

        yield return Of(64, 64, 256, 64, true, Activation.None, frozen: true) with { Real = true };
        yield return Of(128, 128, 64, 32, true, Activation.Gelu, frozen: true) with { Real = true };
    }

    private static OpCase Of(int height, int width, int channels, int outputs, bool residual, Activation activation, bool frozen = false)
    {
        int[] result = [2 * height, 2 * width, outputs];
        var (inputs, values) = ((double)height * width * channels, 4.0 * height * width * outputs);
        var variant = $"{(residual ? ", residual" : "")}{(activation == Activation.None ? "" : $", {activation}")}";
        return new OpCase
        {
            Op = "ConvTranspose2x2",
            Label = $"{height}x{width}x{channels} -> {outputs}{variant}",
            Operands =
            [
                new("x", OperandRole.Input, [height, width, channels]),
                new("weight", OperandRole.Input, [channels, outputs, 2, 2], Constant: frozen),
                new("bias", OperandRole.Input, [outputs], Constant: frozen),
                new("y", OperandRole.Output, result),
                .. residual ? [new Operand("residual", OperandRole.Input, result)] : Array.Empty<Operand>(),
            ],
            Flops = 2 * values * channels,
            Bytes = 4 * (inputs + (values * (residual ? 2 : 1)) + (4.0 * channels * outputs)),
            Budget = ReferenceMath.SumBudget(channels),
            Bind = (device, t) =>
            {
                var weights = frozen
                    ? ConvTranspose2x2.Pack(device, device.Download(t[1]), channels, device.Download(t[2]))
                    : ConvTranspose2x2.Pack(device, t[1], t[2]);
                return new OpCall(() => ConvTranspose2x2.Forward(device, t[0], weights, t[3], residual ? t[4] : default, activation), weights);
            },
            Reference = v =>
            {
                for (var i = 0; i < v[3].Length; i++)
                {
                    var (o, x, y) = (i % outputs, i / outputs % (2 * width), i / outputs / (2 * width));
                    var sum = v[2][o] + (residual ? v[4][i] : 0);
                    for (var c = 0; c < channels; c++)
                        sum += v[0][((((y / 2) * width) + (x / 2)) * channels) + c] * v[1][(((((c * outputs) + o) * 2) + (y % 2)) * 2) + (x % 2)];
                    v[3][i] = ReferenceMath.Activate(activation, sum);
                }
            },
        };
    }
}
