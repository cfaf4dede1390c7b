using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>The pyramid's top-down step.</summary>
internal static class Upsample2xCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(2, 3, 5) with { Tiny = true };
        yield return Of(1, 1, 1) with { Tiny = true };
        yield return Of(1, 1, 6) with { Tiny = true };
        yield return Of(3, 2, 8) with { Tiny = true };
        yield return Of(7, 5, 33);

        yield return Of(32, 32, 256) with { Real = true };
    }

    private static OpCase Of(int height, int width, int channels) => new()
    {
        Op = "Upsample2x",
        Label = $"{height}x{width}x{channels}",
        Operands = [new("x", OperandRole.Input, [height, width, channels]), new("y", OperandRole.InOut, [2 * height, 2 * width, channels])],
        Flops = 4.0 * height * width * channels,
        Bytes = 4.0 * height * width * channels * 9,
        Budget = 6e-8, // one rounding
        Bind = (device, t) => new OpCall(() => Upsample2x.AddNearest(device, t[0], t[1])),
        Reference = v =>
        {
            for (var y = 0; y < 2 * height; y++)
                for (var x = 0; x < 2 * width; x++)
                    for (var c = 0; c < channels; c++)
                        v[1][(((y * 2 * width) + x) * channels) + c] += v[0][((((y / 2) * width) + (x / 2)) * channels) + c];
        },
    };
}
