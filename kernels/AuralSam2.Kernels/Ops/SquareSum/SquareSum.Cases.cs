using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Lengths below, at and beyond a stretch, on and off whole vectors.</summary>
internal static class SquareSumCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Sum(1, 1) with { Tiny = true };
        yield return Sum(3, 7) with { Tiny = true };
        yield return Sum(4, 16) with { Tiny = true };
        yield return Sum(0, 8) with { Tiny = true };
        yield return Sum(1, SquareSum.Stretch + 5) with { Tiny = true };
        yield return Sum(300, 257);
        yield return Sum(58_280_000 / 256, 256) with { Real = true }; // as much as AuralFuser's gradients
    }

    private static OpCase Sum(int rows, int columns) => new()
    {
        Op = "SquareSum",
        Label = $"{rows}x{columns}",
        Operands =
        [
            new("x", OperandRole.Input, [rows, columns], Constant: true),
            new("y", OperandRole.Output, [SquareSum.Rows((long)rows * columns), 2]),
        ],
        Flops = 2.0 * rows * columns,
        Bytes = 4.0 * rows * columns,
        Budget = 7e-8, // of the rounded sum, and half an ulp of it is what the second column adds
        Bind = (device, t) => new OpCall(() => SquareSum.Run(device, t[0], t[1])),
        Reference = v =>
        {
            for (var row = 0; row < v[1].Length / 2; row++)
            {
                var sum = v[0].Skip(row * SquareSum.Stretch).Take(SquareSum.Stretch).Sum(x => x * x);
                v[1][2 * row] = (float)sum;
                v[1][(2 * row) + 1] = sum - (float)sum;
            }
        },
    };
}
