using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Ladder;

/// <summary>
/// A tile of four rows and three vectors of a product, held in registers while k runs: twelve multiply-adds for three loads of the weight
/// and four broadcasts of x. Rungs share it.
/// </summary>
internal static unsafe class SmallTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 4;

    private const int MostVectorFloats = 16;

    /// <summary>
    /// c[rows, columns] = bias + a[rows, inputs] b[inputs, three vectors]; of a ragged tile, fewer rows or columns, all is computed and
    /// only what is asked for is stored.
    /// </summary>
    public static void Run<S, V>(
        int rows, int columns, int inputs, float* a, nint strideA, float* b, nint strideB, float* bias, float* c, nint strideC)
        where S : struct, ISimd<V>
        where V : struct
    {
        var width = 3 * S.Width;
        if (rows >= Rows && columns >= width)
        {
            Whole<S, V>(Rows, inputs, a, strideA, b, strideB, bias, c, strideC);
            return;
        }

        var tile = stackalloc float[Rows * 3 * MostVectorFloats];
        Whole<S, V>(rows, inputs, a, strideA, b, strideB, bias, tile, width);
        columns = Math.Min(columns, width);
        for (var r = 0; r < Math.Min(rows, Rows); r++)
            new ReadOnlySpan<float>(tile + (r * width), columns).CopyTo(new Span<float>(c + (r * strideC), columns));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Whole<S, V>(
        int rows, int inputs, float* a, nint strideA, float* b, nint strideB, float* bias, float* c, nint strideC)
        where S : struct, ISimd<V>
        where V : struct
    {
        // Rows that are not there repeat the last one.
        float* a0 = a, a1 = a0 + (rows > 1 ? strideA : 0), a2 = a1 + (rows > 2 ? strideA : 0), a3 = a2 + (rows > 3 ? strideA : 0);
        V bias0 = bias == null ? S.Zero : S.Load(bias);
        V bias1 = bias == null ? S.Zero : S.Load(bias + S.Width);
        V bias2 = bias == null ? S.Zero : S.Load(bias + (2 * S.Width));
        V c00 = bias0, c01 = bias1, c02 = bias2, c10 = bias0, c11 = bias1, c12 = bias2;
        V c20 = bias0, c21 = bias1, c22 = bias2, c30 = bias0, c31 = bias1, c32 = bias2;
        for (nint k = 0; k < inputs; k++, b += strideB)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Width), b2 = S.Load(b + (2 * S.Width));
            var x = S.Create(a0[k]);
            c00 = S.Fma(x, b0, c00); c01 = S.Fma(x, b1, c01); c02 = S.Fma(x, b2, c02);
            x = S.Create(a1[k]);
            c10 = S.Fma(x, b0, c10); c11 = S.Fma(x, b1, c11); c12 = S.Fma(x, b2, c12);
            x = S.Create(a2[k]);
            c20 = S.Fma(x, b0, c20); c21 = S.Fma(x, b1, c21); c22 = S.Fma(x, b2, c22);
            x = S.Create(a3[k]);
            c30 = S.Fma(x, b0, c30); c31 = S.Fma(x, b1, c31); c32 = S.Fma(x, b2, c32);
        }

        S.Store(c00, c); S.Store(c01, c + S.Width); S.Store(c02, c + (2 * S.Width)); c += strideC;
        S.Store(c10, c); S.Store(c11, c + S.Width); S.Store(c12, c + (2 * S.Width)); c += strideC;
        S.Store(c20, c); S.Store(c21, c + S.Width); S.Store(c22, c + (2 * S.Width)); c += strideC;
        S.Store(c30, c); S.Store(c31, c + S.Width); S.Store(c32, c + (2 * S.Width));
    }
}
