using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Choices among random scores, among equal ones, and both ways of a condition.</summary>
internal static class SelectCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Best([4, 8]) with { Tiny = true };
        yield return Best([4, 3, 5], first: 1) with { Tiny = true }; // planes of an odd size
        yield return Best([5, 7], first: 2, gap: 3, index: true) with { Tiny = true };
        yield return Best([3, 6], first: 1, ties: true, index: true) with { Tiny = true };
        yield return Best([1, 3], index: true) with { Tiny = true };
        yield return Where([3, 5], 0.5) with { Tiny = true };
        yield return Where([3, 8], -0.5, gap: 4) with { Tiny = true };
        yield return Where([2, 3, 5], 0) with { Tiny = true };
        yield return Where([3, 7], 0.5, inPlace: true, gap: 1) with { Tiny = true };
        yield return Where([3, 7], -0.5, inPlace: true) with { Tiny = true };

        yield return Best([4, 256, 256], first: 1) with { Real = true }; // SAM2's masks
        yield return Where([1024, 1024], 0.5) with { Real = true };
    }

    private static OpCase Best(int[] table, int first = 0, bool ties = false, bool index = false, int gap = 0)
    {
        var (rows, columns) = (table[0], table[1..].Aggregate(1, (a, b) => a * b));
        int[] one = table.Length == 2 ? [1, columns] : table[1..];
        return new OpCase
        {
            Op = "Select",
            Label = $"Best of {string.Join("x", table)} from {first}{(ties ? ", ties" : "")}{(index ? ", index" : "")}{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("scores", OperandRole.Input, [1, rows], Scale: ties ? 0 : 1),
                new("table", OperandRole.Input, table, RowGap: gap),
                new("y", OperandRole.Output, one),
                .. index ? [new Operand("index", OperandRole.Output, [1])] : Array.Empty<Operand>(),
            ],
            Flops = rows - first,
            Bytes = 4.0 * (rows - first + (2 * columns) + (index ? 1 : 0)),
            Budget = 0,
            Bind = (device, t) => new OpCall(() => Select.Best(device, t[0], t[1], t[2], first, index ? t[3] : default)),
            Reference = v =>
            {
                var best = Array.IndexOf(v[0], v[0].Skip(first).Max(), first);
                v[1].AsSpan(best * columns, columns).CopyTo(v[2]);
                if (index) v[3][0] = best;
            },
        };
    }

    private static OpCase Where(int[] shape, double condition, bool inPlace = false, int gap = 0)
    {
        var length = shape.Aggregate(1.0, (a, b) => a * b);
        return new OpCase
        {
            Op = "Select",
            Label = $"{string.Join("x", shape)} where {condition}{(inPlace ? ", in place" : "")}{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("condition", OperandRole.Input, [1], Scale: 0, Offset: condition),
                new("a", inPlace ? OperandRole.InOut : OperandRole.Input, shape, RowGap: gap),
                new("b", OperandRole.Input, shape, RowGap: gap),
                .. inPlace ? Array.Empty<Operand>() : [new Operand("y", OperandRole.Output, shape, RowGap: gap)],
            ],
            Flops = 1,
            Bytes = 4 * (1 + (2 * length)),
            Budget = 0,
            Bind = (device, t) => new OpCall(() => Select.Where(device, t[0], t[1], t[2], inPlace ? t[1] : t[3])),
            Reference = v => (condition > 0 ? v[1] : v[2]).CopyTo(inPlace ? v[1] : v[3], 0),
        };
    }
}
