using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Sums, functions and thresholds; in place as well, because the model runs most of them so.</summary>
internal static class ElementwiseCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Add(3, 5, 3, 1) with { Tiny = true };
        yield return Add(0, 7, 0, 1) with { Tiny = true };
        yield return Add(300, 33, 100, 0.1f, gap: 3); // a table that repeats, over several items
        yield return Add(9, 16, 1, -2) with { Tiny = true }; // one vector for every row
        yield return Add(8, 6, 4, 3) with { Tiny = true }; // a table that repeats
        yield return Add(6, 9, 3, 2, gap: 3) with { Tiny = true };
        yield return Add(6, 10, 2, 2, gap: 6) with { Tiny = true }; // rows that start on 16 bytes and end between
        yield return Add(17, 100, 17, 0.5f, inPlace: true);
        yield return Add(5, 7, 1, 0.5f, inPlace: true) with { Tiny = true };
        yield return Map(2, 9, Activation.Gelu) with { Tiny = true };
        yield return Map(5, 1, Activation.Sigmoid) with { Tiny = true };
        yield return Map(4, 7, Activation.Relu, gap: 2) with { Tiny = true };
        yield return Map(3, 12, Activation.Sigmoid, scale: 20, gap: 4) with { Tiny = true };
        yield return Map(3, 8, Activation.None, scale: 20, shift: -10, inPlace: true) with { Tiny = true };
        yield return Map(70, 131, Activation.None, scale: 20, shift: -10, gap: 1); // the memory encoder's mask
        yield return Map(33, 77, Activation.Relu, inPlace: true);
        yield return Map(41, 64, Activation.Gelu, scale: 6); // both tails of the error function
        yield return Map(41, 64, Activation.Sigmoid, scale: 100); // both ends of the exponential
        yield return Threshold(3, 7) with { Tiny = true };
        yield return Threshold(4, 6, gap: 2) with { Tiny = true };
        yield return Threshold(3, 5, gap: 1) with { Tiny = true };
        yield return Threshold(200, 129, gap: 2);

        yield return Add(65536, 96, 65536, 1) with { Real = true }; // Hiera t, positions
        yield return Add(4096, 256, 4096, 0.1f) with { Real = true }; // memory attention, positions
        yield return Map(1024, 1024, Activation.Sigmoid, scale: 20) with { Real = true }; // a mask for the memory encoder
        yield return Threshold(1024, 1024) with { Real = true };
    }

    private static OpCase Add(int rows, int channels, int repeat, float scale, bool inPlace = false, int gap = 0) => new()
    {
        Op = "Elementwise",
        Label = $"Add {rows}x{channels} + {scale} * {repeat}x{channels}{Suffix(inPlace, gap)}",
        Operands =
        [
            new("a", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], RowGap: gap),
            new("b", OperandRole.Input, [repeat, channels], RowGap: gap),
            .. Separate("y", rows, channels, inPlace, gap),
        ],
        Flops = 2.0 * rows * channels,
        Bytes = 4.0 * channels * ((2.0 * rows) + repeat),
        Budget = 1.2e-7, // two roundings where a processor cannot fuse them
        Bind = (device, t) => new OpCall(() => Elementwise.Add(device, t[0], t[1], inPlace ? t[0] : t[2], scale)),
        Reference = v =>
        {
            var y = inPlace ? v[0] : v[2];
            for (var i = 0; i < y.Length; i++) y[i] = v[0][i] + ((double)scale * v[1][i % v[1].Length]);
        },
    };

    private static OpCase Map(int rows, int channels, Activation activation, float scale = 1, float shift = 0, bool inPlace = false, int gap = 0) => new()
    {
        Op = "Elementwise",
        Label = $"Map {rows}x{channels} {activation}({scale} x + {shift}){Suffix(inPlace, gap)}",
        Operands =
        [
            new("x", inPlace ? OperandRole.InOut : OperandRole.Input, [rows, channels], RowGap: gap),
            .. Separate("y", rows, channels, inPlace, gap),
        ],
        Flops = (activation == Activation.None ? 2.0 : 20.0) * rows * channels,
        Bytes = 8.0 * rows * channels,
        Budget = 5e-7, // the rational approximation of erf; the others do better
        Bind = (device, t) => new OpCall(() => Elementwise.Map(device, t[0], t[^1], activation, scale, shift)),
        Reference = v =>
        {
            for (var i = 0; i < v[0].Length; i++) v[^1][i] = ReferenceMath.Activate(activation, ((double)scale * v[0][i]) + shift);
        },
    };

    private static OpCase Threshold(int rows, int channels, int gap = 0) => new()
    {
        Op = "Elementwise",
        Label = $"Threshold {rows}x{channels}{Suffix(false, gap)}",
        Operands = [new("x", OperandRole.Input, [rows, channels], RowGap: gap), .. Separate("y", rows, channels, false, gap)],
        Flops = (double)rows * channels,
        Bytes = 8.0 * rows * channels,
        Budget = 0,
        Bind = (device, t) => new OpCall(() => Elementwise.Threshold(device, t[0], t[1], 0.25f, -10, 10)),
        Reference = v =>
        {
            for (var i = 0; i < v[0].Length; i++) v[1][i] = v[0][i] > 0.25 ? 10 : -10;
        },
    };

    private static Operand[] Separate(string name, int rows, int channels, bool inPlace, int gap) =>
        inPlace ? [] : [new(name, OperandRole.Output, [rows, channels], RowGap: gap)];

    private static string Suffix(bool inPlace, int gap) => $"{(inPlace ? ", in place" : "")}{(gap == 0 ? "" : ", strided")}";
}
