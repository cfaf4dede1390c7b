using AuralSam2.Kernels.Ops;

namespace AuralSam2.Ladder;

internal static class AttentionFinal
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "final",
        "Ops/Attention: threads share the packing, which transposes keys in registers, and then the blocks of queries of all heads.",
        p => () => Attention.Forward(p.Device, p.Q, p.K, p.V, p.Y, p.Heads));
}
