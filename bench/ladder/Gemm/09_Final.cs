namespace AuralSam2.Ladder;

internal static class GemmFinal
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "final",
        "Ops/Gemm: a pool of threads that stay awake between ops takes block after block, none waiting for another.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var packed = p.Own(Kernels.Ops.Gemm.Pack(p.Device, Problem.Span(p.Weight), p.Outputs, Problem.Span(p.Bias)));
        return () => Kernels.Ops.Gemm.Forward(p.Device, p.X, packed, p.Y);
    }
}
