using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static class AttentionTallTiles
{
    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "tall tiles",
        "128 queries at a time through the tile of Ops/Gemm: a panel of keys stays in the first-level cache for all of them.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var panels = new AttentionPanels(p);
        var block = new QueryBlock(p, panels, panels.Count);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, panels, block, panels.Count),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, panels, block, panels.Count),
            _ => () => Run<Simd128, Vector128<float>>(p, panels, block, panels.Count),
        };
    }

    /// <summary>All heads, all queries; keys in runs of so many panels.</summary>
    public static void Run<S, V>(AttentionProblem p, AttentionPanels panels, QueryBlock block, int panelsEach)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var h = 0; h < p.Heads; h++)
        {
            panels.Pack(h);
            for (var first = 0; first < p.Tokens; first += FlashTile.MaxQueries)
            {
                block.Begin(first, h);
                for (var panel = 0; panel < panels.Count; panel += panelsEach)
                    block.Add<S, V>(panel, Math.Min(panelsEach, panels.Count - panel));
                block.End(first, h);
            }
        }
    }
}
