using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class GemmRegisterTile
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "register tile",
        "Sums of 4 rows x 3 vectors stay in registers while k runs: y is stored once, and a load of the weight serves four rows.",
        Bind);

    private static Action Bind(GemmProblem p)
    {
        var weight = p.KMajor();
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Run<Simd512, Vector512<float>>(p, weight.Pointer, weight.Columns),
            CpuIsa.Avx2 => () => Run<Simd256, Vector256<float>>(p, weight.Pointer, weight.Columns),
            _ => () => Run<Simd128, Vector128<float>>(p, weight.Pointer, weight.Columns),
        };
    }

    private static void Run<S, V>(GemmProblem p, float* weight, nint stride)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint inputs = p.Inputs, outputs = p.Outputs;
        for (var i = 0; i < p.Rows; i += SmallTile.Rows)
        {
            for (var o = 0; o < outputs; o += p.PanelColumns)
            {
                SmallTile.Run<S, V>(
                    p.Rows - i, p.Outputs - o, p.Inputs, p.X.Pointer + (i * inputs), inputs, weight + o, stride,
                    p.PaddedBias.Pointer + o, p.Y.Pointer + (i * outputs) + o, outputs);
            }
        }
    }
}
