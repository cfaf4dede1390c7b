using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static class GemmRowBlocks
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "row blocks",
        "Rows are taken 64 at a time: the block of x stays in the second-level cache while every panel of the weight passes by.",
        Bind);

    private static unsafe Action Bind(GemmProblem p)
    {
        var packed = GemmPackedPanels.Pack(p);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, packed.Pointer),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, packed.Pointer),
            _ => () => Run<Simd128, Vector128<float>>(p, packed.Pointer),
        };
    }

    private static unsafe void Run<S, V>(GemmProblem p, float* packed)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var first = 0; first < p.Rows; first += GemmCpu.BlockRows)
            GemmPackedPanels.Rows<S, V>(p, packed, first, Math.Min(GemmCpu.BlockRows, p.Rows - first));
    }
}
