using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Masks from tokens and pixels.</summary>
internal static class MaskProductCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(2, 6, 5, 0) with { Tiny = true };
        yield return Of(1, 1, 1, 0) with { Tiny = true };
        yield return Of(3, 0, 4, 0) with { Tiny = true };
        yield return Of(6, 21, 32, 0) with { Tiny = true }; // more tokens than a GPU thread has at a time
        yield return Of(4, 18, 8, 4) with { Tiny = true };
        yield return Of(3, 19, 13, 2) with { Tiny = true };
        yield return Of(4, 40, 8, 0, lines: 5) with { Tiny = true }; // an image of pixels
        yield return Of(4, 1040, 32, 3, lines: 20);
        yield return Of(4, 1025, 32, 0); // two runs of pixels and one
        yield return Of(3, 77, 35, 3);

        yield return Of(4, 65536, 32, 0) with { Real = true };
    }

    private static OpCase Of(int masks, int pixels, int channels, int gap, int lines = 1) => new()
    {
        Op = "MaskProduct",
        Label = $"{masks} masks, {pixels} pixels, {channels} channels{(lines == 1 ? "" : $", {lines} lines")}{(gap == 0 ? "" : ", strided")}",
        Operands =
        [
            new("tokens", OperandRole.Input, [masks, channels], RowGap: gap),
            new("pixels", OperandRole.Input, lines == 1 ? [pixels, channels] : [lines, pixels / lines, channels], RowGap: gap),
            new("y", OperandRole.Output, [masks, pixels]),
        ],
        Flops = 2.0 * masks * pixels * channels,
        Bytes = 4.0 * (((double)pixels * channels) + ((double)masks * pixels)),
        Budget = ReferenceMath.SumBudget(channels),
        Bind = (device, t) => new OpCall(() => MaskProduct.Forward(device, t[0], t[1], t[2])),
        Reference = v =>
        {
            for (var m = 0; m < masks; m++)
                for (var p = 0; p < pixels; p++)
                    v[2][(m * pixels) + p] = ReferenceMath.Dot(v[0].AsSpan(m * channels, channels), v[1].AsSpan(p * channels, channels));
        },
    };
}
