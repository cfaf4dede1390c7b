using AuralSam2.Kernels.Ops;

namespace AuralSam2.Ladder;

internal static class LayerNormThreads
{
    public static readonly Rung Rung = Rung.Of<LayerNormGemmProblem>(
        "threads",
        "Ops/LayerNorm, then Ops/Gemm: rows of the norm are shared between threads as those of the product are.",
        Bind);

    private static Action Bind(LayerNormGemmProblem p)
    {
        var normalised = p.Normalised;
        return () =>
        {
            LayerNorm.Forward(p.Device, p.X, p.Norm, normalised);
            p.Product(normalised, p.Y);
        };
    }
}
