using System.Runtime.Intrinsics;

namespace AuralSam2.Kernels;

/// <summary>Instruction sets that the CPU kernels are compiled for, narrowest first.</summary>
public enum CpuIsa
{
    /// <summary>128-bit vectors: SSE and NEON.</summary>
    Vector128,

    /// <summary>256-bit vectors with fused multiply-add.</summary>
    Avx2,

    /// <summary>512-bit vectors.</summary>
    Avx512,
}

/// <summary>What this processor has.</summary>
public static class CpuIsas
{
    /// <summary>The widest instruction set here. The runtime's switches (DOTNET_EnableAVX512, DOTNET_EnableAVX2) narrow it.</summary>
    public static CpuIsa Widest { get; } =
        Vector512.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Avx512F.IsSupported ? CpuIsa.Avx512
        : Vector256.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Fma.IsSupported ? CpuIsa.Avx2
        : CpuIsa.Vector128;

    /// <summary>All instruction sets that can run here, narrowest first.</summary>
    public static IEnumerable<CpuIsa> Available => Enum.GetValues<CpuIsa>().Where(isa => isa <= Widest);

    /// <summary>Floats in a vector.</summary>
    internal static int Lanes(this CpuIsa isa) => isa switch
    {
        CpuIsa.Avx512 => 16,
        CpuIsa.Avx2 => 8,
        _ => 4,
    };

    /// <summary>Rows of a matrix-product tile, see <see cref="Simd.ISimd{V}.TileRows"/>.</summary>
    internal static int TileRows(this CpuIsa isa) => isa == CpuIsa.Avx512 ? 8 : 4;

    /// <summary>The name people use.</summary>
    public static string Title(this CpuIsa isa) => isa switch
    {
        CpuIsa.Avx512 => "AVX-512",
        CpuIsa.Avx2 => "AVX2",
        _ => "128-bit",
    };
}
