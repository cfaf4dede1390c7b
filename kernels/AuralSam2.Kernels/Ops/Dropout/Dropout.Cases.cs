using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Without a rate, as inference has it: a copy, a sum, or nothing. What is dropped has tests of its own.</summary>
internal static class DropoutCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(3, 5, residual: false) with { Tiny = true };
        yield return Of(3, 5, residual: true, gap: 2) with { Tiny = true };
        yield return Of(20480, 256, residual: true) with { Real = true };
    }

    private static OpCase Of(int rows, int channels, bool residual, int gap = 0) => new()
    {
        Op = "Dropout",
        Label = $"{rows}x{channels}{(residual ? ", residual" : "")}{(gap == 0 ? "" : ", strided")}, rate 0",
        Operands =
        [
            new("x", OperandRole.Input, [rows, channels], RowGap: gap),
            .. residual ? [new Operand("residual", OperandRole.Input, [rows, channels], RowGap: gap)] : Array.Empty<Operand>(),
            new("y", OperandRole.Output, [rows, channels], RowGap: gap),
        ],
        Flops = residual ? 2.0 * rows * channels : 0,
        Bytes = (residual ? 12.0 : 8.0) * rows * channels,
        Budget = 1e-7,
        Bind = (device, t) => new OpCall(() => Dropout.Forward(device, t[0], t[^1], residual ? t[1] : default)),
        Reference = v =>
        {
            for (var i = 0; i < v[0].Length; i++) v[^1][i] = v[0][i] + (residual ? v[1][i] : 0);
        },
    };
}
