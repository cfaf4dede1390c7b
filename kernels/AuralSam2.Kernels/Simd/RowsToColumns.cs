using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace AuralSam2.Kernels.Simd;

/// <summary>Transposes a block that fits the first-level cache, in squares of four by four that stay in registers.</summary>
internal static unsafe class RowsToColumns
{
    /// <summary>target[c * strideTarget + r] = source[r * strideSource + c].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
    {
        var (squareRows, squareColumns) = (rows & ~3, columns & ~3);
        for (var r = 0; r < squareRows; r += 4)
        {
            var from = source + (r * strideSource);
            for (var c = 0; c < squareColumns; c += 4) Square(from + c, strideSource, target + (c * strideTarget) + r, strideTarget);
        }

        for (var r = 0; r < rows; r++)
            for (var c = r < squareRows ? squareColumns : 0; c < columns; c++) target[(c * strideTarget) + r] = source[(r * strideSource) + c];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(float* source, nint strideSource, float* target, nint strideTarget)
    {
        var (even0, even1) = Zip(Vector128.Load(source), Vector128.Load(source + (2 * strideSource)));
        var (odd0, odd1) = Zip(Vector128.Load(source + strideSource), Vector128.Load(source + (3 * strideSource)));
        var (t0, t1) = Zip(even0, odd0);
        var (t2, t3) = Zip(even1, odd1);
        t0.Store(target);
        t1.Store(target + strideTarget);
        t2.Store(target + (2 * strideTarget));
        t3.Store(target + (3 * strideTarget));
    }

    /// <summary>(a0 b0 a1 b1), (a2 b2 a3 b3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Zip(Vector128<float> a, Vector128<float> b)
    {
        if (Sse.IsSupported) return (Sse.UnpackLow(a, b), Sse.UnpackHigh(a, b));
        if (AdvSimd.Arm64.IsSupported) return (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b));
        return (Vector128.Create(a[0], b[0], a[1], b[1]), Vector128.Create(a[2], b[2], a[3], b[3]));
    }
}
