using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The heart of every matrix product: a tile of C held in registers while k runs. Tiles are 8 or 4 rows high
/// (<see cref="ISimd{V}.TileRows"/>) and 1 to 3 vectors wide: 24 or 12 accumulators are enough to hide the latency of the multiply-adds.
/// </summary>
/// <remarks>
/// C[rows, n] = bias[n] + residual[rows, n] + sum over k of A[rows, k] B[k, n], bias and residual optional. A is read in place, row by row,
/// broadcast one element at a time; B is read a row of the panel at a time. A row of A may lie in several stretches, as the lines of an
/// image under a convolution's kernel do; the rows of B follow each other without a gap. The unrolled tiles are in
/// GemmTile.Generated.cs, with a name for every accumulator: the JIT keeps named locals in registers, and arrays it does not.
/// </remarks>
internal static unsafe partial class GemmTile
{
    /// <summary>One operand set; strides in floats.</summary>
    public struct Operands
    {
        public float* A;
        public nint StrideA;
        public float* B;
        public nint StrideB;
        public float* C;
        public nint StrideC;
        public float* Bias;
        public float* Residual;
        public nint StrideResidual;
        public nint K;

        /// <summary>Stretches of A that follow the first K elements of a row, each K long and <see cref="StrideLine"/> after the one before.</summary>
        public nint MoreLines;
        public nint StrideLine;
    }

    /// <summary>Runs one tile of <see cref="ISimd{V}.TileRows"/> rows and <paramref name="vectors"/> vectors (1 to 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V>(int vectors, in Operands o)
        where S : struct, ISimd<V>
        where V : struct
    {
        if (S.TileRows == 8)
        {
            if (vectors == 3) Rows8x3<S, V>(o);
            else if (vectors == 2) Rows8x2<S, V>(o);
            else Rows8x1<S, V>(o);
        }
        else
        {
            if (vectors == 3) Rows4x3<S, V>(o);
            else if (vectors == 2) Rows4x2<S, V>(o);
            else Rows4x1<S, V>(o);
        }
    }
}
