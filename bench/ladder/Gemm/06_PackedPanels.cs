using System.Runtime.Intrinsics;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

internal static unsafe class GemmPackedPanels
{
    public static readonly Rung Rung = Rung.Of<GemmProblem>(
        "packed panels",
        "The weight is packed, once, into panels as wide as a tile: a tile reads one run of memory, and a panel stays in cache.",
        Bind);

    /// <summary>The weight as <c>[panels][inputs][panel columns]</c>: packed once, on cache lines and, when large, on huge pages.</summary>
    public static Tensor Pack(GemmProblem p)
    {
        var kMajor = p.KMajor();
        var panels = kMajor.Columns / p.PanelColumns;
        var packed = p.Allocate(panels, p.Inputs, p.PanelColumns);
        for (var panel = 0; panel < panels; panel++)
            p.Device.Copy(kMajor.SliceColumns(panel * p.PanelColumns, p.PanelColumns), packed.At(panel));
        return packed;
    }

    private static Action Bind(GemmProblem p)
    {
        var packed = Pack(p);
        return p.Device.Isa switch
        {
            CpuIsa.Avx512 => () => Rows<Simd512, Vector512<float>>(p, packed.Pointer, 0, p.Rows),
            CpuIsa.Avx2 => () => Rows<Simd256, Vector256<float>>(p, packed.Pointer, 0, p.Rows),
            _ => () => Rows<Simd128, Vector128<float>>(p, packed.Pointer, 0, p.Rows),
        };
    }

    /// <summary>Some rows against all panels.</summary>
    public static void Rows<S, V>(GemmProblem p, float* packed, int first, int count)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint inputs = p.Inputs, outputs = p.Outputs;
        for (var o = 0; o < outputs; o += p.PanelColumns, packed += inputs * p.PanelColumns)
        {
            for (var i = first; i < first + count; i += SmallTile.Rows)
            {
                SmallTile.Run<S, V>(
                    p.Rows - i, p.Outputs - o, p.Inputs, p.X.Pointer + (i * inputs), inputs, packed, p.PanelColumns,
                    p.PaddedBias.Pointer + o, p.Y.Pointer + (i * outputs) + o, outputs);
            }
        }
    }
}
