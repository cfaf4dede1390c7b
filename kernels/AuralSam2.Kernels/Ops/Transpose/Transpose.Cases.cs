using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Matrices that are no whole squares of 16, lines, and the fuser's reinterpretation of channel-first maps.</summary>
internal static class TransposeCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(0, 3, 5) with { Tiny = true };
        yield return Of(0, 1, 37) with { Tiny = true };
        yield return Of(0, 37, 1) with { Tiny = true };
        yield return Of(0, 16, 32) with { Tiny = true };
        yield return Of(3, 33, 17) with { Tiny = true };
        yield return Of(2, 36, 40) with { Tiny = true }; // GPU tiles are cut both ways
        yield return Of(2, 35, 8) with { Tiny = true }; // only x starts its rows on 16 bytes
        yield return Of(2, 8, 35) with { Tiny = true }; // only y does
        yield return Of(2, 0, 4) with { Tiny = true };

        yield return Of(0, 65536, 96) with { Real = true }; // a feature map to channel-first
        yield return Of(0, 20480, 128) with { Real = true }; // AuralFuser, what pixels read
        yield return Of(5, 4096, 128) with { Real = true }; // AuralFuser, 5 frames
    }

    private static OpCase Of(int batch, int rows, int columns) => new()
    {
        Op = "Transpose",
        Label = $"{(batch == 0 ? "" : $"{batch} x ")}{rows}x{columns}",
        Operands =
        [
            new("x", OperandRole.Input, batch == 0 ? [rows, columns] : [batch, rows, columns]),
            new("y", OperandRole.Output, batch == 0 ? [columns, rows] : [batch, columns, rows]),
        ],
        Flops = 0,
        Bytes = 8.0 * Math.Max(1, batch) * rows * columns,
        Budget = 0,
        Bind = (device, t) => new OpCall(() => Transpose.Forward(device, t[0], t[1])),
        Reference = v =>
        {
            for (var b = 0; b < Math.Max(1, batch); b++)
                for (var r = 0; r < rows; r++)
                    for (var c = 0; c < columns; c++) v[1][(((b * columns) + c) * rows) + r] = v[0][(((b * rows) + r) * columns) + c];
        },
    };
}
