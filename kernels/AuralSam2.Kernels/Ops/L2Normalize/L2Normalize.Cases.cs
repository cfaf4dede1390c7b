using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Unit rows, long ones, and rows of zeros.</summary>
internal static class L2NormalizeCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5) with { Tiny = true };
        yield return Of(4, 1) with { Tiny = true }; // signs
        yield return Of(0, 9) with { Tiny = true };
        yield return Of(2, 12, scale: 0) with { Tiny = true }; // |x| is 0, and so is y
        yield return Of(3, 10, scale: 1e-20) with { Tiny = true }; // shorter than the bound
        yield return Of(3, 10, scale: 1e25) with { Tiny = true }; // squares are beyond float32
        yield return Of(5, 37, gap: 2) with { Tiny = true };
        yield return Of(5, 40, gap: 4) with { Tiny = true };
        yield return Of(3, 8, inPlace: true) with { Tiny = true };
        yield return Of(129, 130, gap: 3);

        yield return Of(20480, 128) with { Real = true }; // projection heads of AudioCon, 5 frames
    }

    private static OpCase Of(int rows, int channels, double scale = 1, int gap = 0, bool inPlace = false) => new()
    {
        Op = "L2Normalize",
        Label = $"{rows}x{channels}{(scale == 1 ? "" : $", x to {scale:g1}")}{(gap == 0 ? "" : ", strided")}{(inPlace ? ", in place" : "")}",
        Operands =
        [
            new("x", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], scale, RowGap: gap),
            .. inPlace ? Array.Empty<Operand>() : [new Operand("y", OperandRole.Output, [rows, channels], RowGap: gap)],
        ],
        Flops = 3.0 * rows * channels,
        Bytes = 8.0 * rows * channels,
        Budget = 1.2e-7, // the factor is rounded, then the product
        Bind = (device, t) => new OpCall(() => L2Normalize.Forward(device, t[0], t[^1])),
        Reference = v =>
        {
            for (var r = 0; r < rows; r++)
            {
                var row = v[0].AsSpan(r * channels, channels);
                var length = Math.Max(Math.Sqrt(ReferenceMath.Dot(row, row)), 1e-12);
                for (var c = 0; c < channels; c++) v[^1][(r * channels) + c] = row[c] / length;
            }
        },
    };
}
