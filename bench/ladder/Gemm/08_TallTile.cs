using AuralSam2.Kernels.Ops;

namespace AuralSam2.Ladder;

internal static unsafe class GemmTallTile
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "tall tile",
        "Where there are 32 registers (AVX-512), the tile grows to 8 x 48: 24 sums hide the multiply-adds' latency, loads halve.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var packed = p.Own(new CpuPackedMatrix(p.Device, Problem.Span(p.Weight), p.Outputs, Problem.Span(p.Bias)));
        return () => Run(p, packed);
    }

    /// <summary>The kernel's tiles, on one thread.</summary>
    private static void Run(GemmProblem p, CpuPackedMatrix packed)
    {
        nint inputs = p.Inputs, outputs = p.Outputs;
        var scratch = p.Device.Scratch(0, GemmCpu.TailFloats(packed));
        for (var first = 0; first < p.Rows; first += GemmCpu.BlockRows)
        {
            GemmCpu.Block(
                p.Device.Isa, packed, Math.Min(GemmCpu.BlockRows, p.Rows - first), p.X.Pointer + (first * inputs), inputs,
                p.Y.Pointer + (first * outputs), outputs, default, scratch);
        }
    }
}
