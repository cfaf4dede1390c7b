using System.Numerics;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Kernels.Ops;

/// <summary>Rotations of one frame, of several frames in a row, and of rows before object pointers.</summary>
internal static class RopeCases
{
    public static IEnumerable<OpCase> All()
    {
        yield return Of(2, 4, 4, 4) with { Tiny = true };
        yield return Of(1, 8, 1, 1) with { Tiny = true };
        yield return Of(3, 20, 22, 18, gap: 3) with { Tiny = true }; // two frames and four rows without a position
        yield return Of(2, 16, 9, 7, gap: 4) with { Tiny = true };
        yield return Of(2, 12, 5, 5) with { Tiny = true }; // six pairs
        yield return Of(9, 64, 200, 170); // a frame breaks off
        yield return Of(4, 8, 16, 0) with { Tiny = true };

        yield return Of(64, 256, 4096, 4096) with { Real = true }; // memory attention, queries
        yield return Of(64, 256, 28736, 28672) with { Real = true }; // keys of 7 frames, 16 pointers
    }

    private static OpCase Of(int edge, int channels, int rows, int turned, int gap = 0) => new()
    {
        Op = "Rope",
        Label = $"{turned} of {rows} rows of {channels} on {edge}x{edge}{(gap == 0 ? "" : ", strided")}",
        Operands = [new("x", OperandRole.InOut, [rows, channels], RowGap: gap)],
        Flops = 3.0 * turned * channels,
        Bytes = 8.0 * turned * channels,
        // Angles are float32, as checkpoints were trained: on a grid of 9 up to 8 radians, known to 2.4e-7.
        Budget = 4e-7,
        Bind = (device, t) =>
        {
            var table = Rope.Table(device, edge, channels);
            return new OpCall(() => Rope.Forward(device, t[0], table, turned), table.Cos.Buffer, table.Sin.Buffer);
        },
        Reference = v =>
        {
            for (var r = 0; r < turned; r++)
            {
                for (var j = 0; j < channels / 2; j++)
                {
                    var position = r % (edge * edge);
                    var (along, axis) = (j % (channels / 4), j < channels / 4 ? position % edge : position / edge);
                    var at = (r * channels) + (2 * j);
                    var turn = new Complex(v[0][at], v[0][at + 1]) * Complex.FromPolarCoordinates(1, axis * Math.Pow(10000, -4.0 * along / channels));
                    (v[0][at], v[0][at + 1]) = (turn.Real, turn.Imaginary);
                }
            }
        },
    };
}
