using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>One row, tables that repeat, and so many rows that stretches of them are summed apart.</summary>
internal static class RowSumCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(5, 1, 7, 1) with { Tiny = true };
        yield return Of(12, 4, 8, -0.5, gap: 4) with { Tiny = true };
        yield return Of(12, 12, 3, 2, gap: 1) with { Tiny = true };
        yield return Of(0, 2, 4, 1) with { Tiny = true };
        yield return Of(150, 1, 9, 1) with { Tiny = true }; // three stretches of a GPU
        yield return Of(1300, 1, 33, 1, gap: 3);
        yield return Of(900, 300, 17, 1);

        yield return Of(4096, 1, 1024, 1) with { Real = true }; // AuralFuser, bias of a hidden layer
        yield return Of(20480, 4096, 256, 1) with { Real = true };
    }

    private static OpCase Of(int rows, int targetRows, int columns, double scale, int gap = 0) => new()
    {
        Op = "RowSum",
        Label = $"{rows}x{columns} to {targetRows}{(scale == 1 ? "" : $", times {scale}")}{(gap == 0 ? "" : ", strided")}",
        Operands =
        [
            new("x", OperandRole.Input, [rows, columns], RowGap: gap, Constant: true),
            new("y", OperandRole.InOut, [targetRows, columns], RowGap: 2 * gap),
        ],
        Flops = (double)rows * columns,
        Bytes = rows == 0 ? 0 : 4.0 * ((double)rows + (2 * targetRows)) * columns,
        Budget = 2e-7 * Math.Sqrt(1 + (rows / Math.Max(1, targetRows))),
        Bind = (device, t) => new OpCall(() => RowSum.Run(device, t[0], t[1], (float)scale)),
        Reference = v =>
        {
            for (var i = 0; i < v[0].Length; i++) v[1][i % v[1].Length] += scale * v[0][i];
        },
    };
}
