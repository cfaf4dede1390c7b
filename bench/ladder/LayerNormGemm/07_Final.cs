namespace AuralSam2.Ladder;

internal static class LayerNormGemmFinal
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "final",
        "Ops/Gemm with its norm: a block of 64 rows is normalised by the thread that multiplies it, just before; nothing waits between.",
        p => () => p.Product(p.X, p.Y, p.Norm));
}
