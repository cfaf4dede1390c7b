using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static class AttentionOnlineSoftmax
{
    /// <summary>Keys of a run times head dimension, as in Ops/Attention: a third of a megabyte of keys and values.</summary>
    private const int RunFloats = 48 << 10;

    public static readonly Rung Rung = Rung.Of<AttentionProblem>(
        "online softmax",
        "Keys come in runs, with a running maximum and sum (FlashAttention): what a run needs stays in the second-level cache.",
        Bind);

    private static Action Bind(AttentionProblem p)
    {
        var panels = new AttentionPanels(p);
        var panelsEach = Math.Clamp(RunFloats / (p.HeadDim * panels.Columns), 1, panels.Count);
        var block = new QueryBlock(p, panels, panelsEach);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => AttentionTallTiles.Run<Simd512, Vector512<float>>(p, panels, block, panelsEach),
            CpuIsa.Avx2 => () => AttentionTallTiles.Run<Simd256, Vector256<float>>(p, panels, block, panelsEach),
            _ => () => AttentionTallTiles.Run<Simd128, Vector128<float>>(p, panels, block, panelsEach),
        };
    }
}
