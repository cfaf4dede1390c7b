using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Tables of odd widths; the rows are chosen by a stride that meets none twice.</summary>
internal static class GatherCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(5, 3, 7) with { Tiny = true };
        yield return Of(8, 8, 12, gap: 4) with { Tiny = true };
        yield return Of(4, 0, 3) with { Tiny = true };
        yield return Of(101, 77, 33, gap: 1);
        yield return Of(20480, 3840, 128) with { Real = true }; // samples of AudioCon, one level
    }

    private static OpCase Of(int table, int rows, int channels, int gap = 0)
    {
        float[] numbers = [.. Enumerable.Range(0, rows).Select(r => (float)((r * 7L) % table))];
        return new OpCase
        {
            Op = "Gather",
            Label = $"{rows} of {table}x{channels}{(gap == 0 ? "" : ", strided")}",
            Operands =
            [
                new("x", OperandRole.Input, [table, channels], RowGap: gap),
                new("y", OperandRole.Output, [rows, channels], RowGap: gap),
            ],
            Flops = 0,
            Bytes = 8.0 * rows * channels,
            Budget = 0,
            Bind = (device, t) =>
            {
                var index = device.AllocateTensor(Math.Max(1, rows)).SliceColumns(0, rows);
                device.Upload(numbers, index);
                return new OpCall(() => Gather.Forward(device, t[0], index, t[1]), index.Buffer);
            },
            Reference = v =>
            {
                for (var i = 0; i < v[1].Length; i++) v[1][i] = v[0][((int)numbers[i / channels] * channels) + (i % channels)];
            },
        };
    }
}
