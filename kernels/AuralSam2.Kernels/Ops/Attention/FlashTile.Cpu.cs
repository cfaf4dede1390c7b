using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// One block of queries against all keys of one head: scores of a block of keys, their exponentials under a running maximum, and the
/// weighted sum of values, all in cache. Shared by attention over sequences and over windows.
/// </summary>
/// <remarks>
/// Exponentials are powers of two: 1/sqrt(d) and log2(e) are one factor. Rows are padded to whole tiles and values to whole vectors by
/// the callers, so that no tile has a ragged edge; padded keys are masked before the maximum.
/// </remarks>
internal static unsafe class FlashTile
{
    /// <summary>Most queries in a block.</summary>
    public const int MaxQueries = 128;

    /// <summary>Rows of the highest tile of any instruction set.</summary>
    public const int TileRows = 8;

    /// <summary>Rounds up to whole vectors of any instruction set.</summary>
    public static int Padded(int n) => (n + 15) & ~15;

    /// <summary>The operands of one block.</summary>
    public struct Block
    {
        /// <summary>Queries <c>[Queries, HeadDim]</c>, rows padded to a whole tile (their contents do not matter).</summary>
        public float* Q;
        public nint StrideQ;
        public int Queries;

        /// <summary>Keys of all blocks, each block as panels <c>[k][column]</c> from <see cref="PackKeys"/>.</summary>
        public float* PackedKeys;

        /// <summary>Values <c>[Keys, Padded(ValueDim)]</c>, zero beyond the head.</summary>
        public float* V;
        public nint StrideV;
        public int Keys;

        /// <summary>Keys per block.</summary>
        public int KeyBlock;

        /// <summary>Channels of a query and of a key.</summary>
        public int HeadDim;

        /// <summary>Channels of a value and of a result.</summary>
        public int ValueDim;

        /// <summary>When not 0: no softmax, the scores times this factor are the weights.</summary>
        public float LinearScale;

        /// <summary>When it is on: weights are dropped after the sum of the softmax is taken. Row 0 of the block has the number FirstRow.</summary>
        public AttentionDropout Dropout;
        public long FirstRow;

        /// <summary>Optional <c>[Queries]</c>: the binary logarithm of each softmax's sum, for the gradient.</summary>
        public float* LogSums;

        /// <summary>Result <c>[Queries padded to a tile, Padded(ValueDim)]</c>.</summary>
        public float* Output;
        public nint StrideOutput;

        /// <summary>Scratch <c>[Queries padded to a tile, Padded(KeyBlock)]</c>.</summary>
        public float* Scores;
    }

    /// <summary>Runs the block; Output holds the normalised result.</summary>
    public static void Run(CpuIsa isa, in Block block)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(block); break;
            case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(block); break;
            default: Run<Simd128, Vector128<float>>(block); break;
        }
    }

    /// <summary>
    /// Lays out keys (rows given by address) as panels <c>[d][columns]</c>; columns beyond <paramref name="count"/> repeat the last key.
    /// </summary>
    public static void PackKeys(CpuIsa isa, float** rows, int count, int headDim, float* target)
    {
        var width = isa.Lanes();
        var vectors = (count + width - 1) / width;
        for (var at = 0; at < vectors;)
        {
            var take = CpuPackedMatrix.PanelVectors(vectors - at);
            var columns = take * width;
            for (var c = 0; c < columns; c += 4)
            {
                var first = (at * width) + c;
                Transpose4(
                    rows[Math.Min(first, count - 1)], rows[Math.Min(first + 1, count - 1)],
                    rows[Math.Min(first + 2, count - 1)], rows[Math.Min(first + 3, count - 1)],
                    headDim, target + c, columns);
            }

            target += (nint)columns * headDim;
            at += take;
        }
    }

    /// <summary>Four rows become four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose4(float* r0, float* r1, float* r2, float* r3, int n, float* target, nint stride)
    {
        var k = 0;
        for (; k + 4 <= n; k += 4, target += 4 * stride)
        {
            Vector128<float> a = Vector128.Load(r0 + k), b = Vector128.Load(r1 + k), c = Vector128.Load(r2 + k), d = Vector128.Load(r3 + k);
            var (acLow, acHigh) = Zip(a, c);
            var (bdLow, bdHigh) = Zip(b, d);
            var (t0, t1) = Zip(acLow, bdLow);
            var (t2, t3) = Zip(acHigh, bdHigh);
            t0.Store(target);
            t1.Store(target + stride);
            t2.Store(target + (2 * stride));
            t3.Store(target + (3 * stride));
        }

        for (; k < n; k++, target += stride)
        {
            target[0] = r0[k];
            target[1] = r1[k];
            target[2] = r2[k];
            target[3] = r3[k];
        }
    }

    /// <summary>(a0 b0 a1 b1), (a2 b2 a3 b3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> Low, Vector128<float> High) Zip(Vector128<float> a, Vector128<float> b)
    {
        if (System.Runtime.Intrinsics.X86.Sse.IsSupported)
            return (System.Runtime.Intrinsics.X86.Sse.UnpackLow(a, b), System.Runtime.Intrinsics.X86.Sse.UnpackHigh(a, b));
        if (System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported)
            return (System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipLow(a, b), System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipHigh(a, b));
        return (Vector128.Create(a[0], b[0], a[1], b[1]), Vector128.Create(a[2], b[2], a[3], b[3]));
    }

    private static void Run<S, V>(in Block b)
        where S : struct, ISimd<V>
        where V : struct
    {
        var scale = MathF.Log2(MathF.E) / MathF.Sqrt(b.HeadDim);
        var rows = (b.Queries + S.TileRows - 1) / S.TileRows * S.TileRows;
        var columns = Padded(b.ValueDim);
        float* maxima = stackalloc float[MaxQueries], sums = stackalloc float[MaxQueries];
        for (var i = 0; i < b.Queries; i++)
        {
            maxima[i] = float.NegativeInfinity;
            sums[i] = 0;
        }

        var keys = b.PackedKeys;
        for (var k0 = 0; k0 < b.Keys; k0 += b.KeyBlock)
        {
            var count = Math.Min(b.KeyBlock, b.Keys - k0);
            var padded = (count + S.Width - 1) / S.Width * S.Width;
            Scores<S, V>(b, rows, keys, padded);
            keys += (nint)padded * b.HeadDim;
            for (var i = 0; i < b.Queries; i++)
            {
                if (b.LinearScale != 0)
                {
                    ScaleRow<S, V>(b.Scores + ((nint)i * padded), padded, b.LinearScale);
                    continue;
                }

                var correction = Exponentials<S, V>(b.Scores + ((nint)i * padded), count, padded, scale, ref maxima[i], ref sums[i]);
                if (k0 > 0 && correction != 1f) ScaleRow<S, V>(b.Output + (i * b.StrideOutput), columns, correction);
                if (b.Dropout.IsOn) Drop(b, i, k0, count, b.Scores + ((nint)i * padded));
            }

            WeightedSum<S, V>(b, rows, padded, b.V + ((nint)k0 * b.StrideV), count, accumulate: k0 > 0);
        }

        for (var i = 0; i < b.Queries && b.LinearScale == 0; i++) ScaleRow<S, V>(b.Output + (i * b.StrideOutput), columns, 1f / sums[i]);
        for (var i = 0; i < b.Queries && b.LogSums != null; i++) b.LogSums[i] = maxima[i] + MathF.Log2(sums[i]);
    }

    private static void Drop(in Block b, int query, int firstKey, int count, float* weights) =>
        DropoutMask.Apply(
            b.Dropout.Key, ((ulong)(b.FirstRow + query) << 32) + (uint)firstKey, count, b.Dropout.Threshold, b.Dropout.Factor, weights);

    /// <summary>Scores[rows, padded] = Q K^T.</summary>
    private static void Scores<S, V>(in Block b, int rows, float* keys, int padded)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (var j = 0; j < padded;)
        {
            var vectors = CpuPackedMatrix.PanelVectors((padded - j) / S.Width);
            var tile = new GemmTile.Operands { StrideA = b.StrideQ, B = keys, StrideB = vectors * S.Width, StrideC = padded, K = b.HeadDim };
            for (var i = 0; i < rows; i += S.TileRows)
            {
                tile.A = b.Q + (i * b.StrideQ);
                tile.C = b.Scores + ((nint)i * padded) + j;
                GemmTile.Run<S, V>(vectors, tile);
            }

            keys += (nint)vectors * S.Width * b.HeadDim;
            j += vectors * S.Width;
        }
    }

    /// <summary>Output[rows, ValueDim] (+)= Scores V.</summary>
    private static void WeightedSum<S, V>(in Block b, int rows, int padded, float* values, int count, bool accumulate)
        where S : struct, ISimd<V>
        where V : struct
    {
        var columns = (b.ValueDim + S.Width - 1) / S.Width * S.Width;
        for (var j = 0; j < columns;)
        {
            var vectors = CpuPackedMatrix.PanelVectors((columns - j) / S.Width);
            var tile = new GemmTile.Operands
            {
                StrideA = padded,
                B = values + j,
                StrideB = b.StrideV,
                StrideC = b.StrideOutput,
                StrideResidual = b.StrideOutput,
                K = count,
            };
            for (var i = 0; i < rows; i += S.TileRows)
            {
                tile.A = b.Scores + ((nint)i * padded);
                tile.C = b.Output + (i * b.StrideOutput) + j;
                tile.Residual = accumulate ? tile.C : null;
                GemmTile.Run<S, V>(vectors, tile);
            }

            j += vectors * S.Width;
        }
    }

    /// <summary>
    /// Scores of a row become 2^(scale s - maximum); the running maximum and sum move on.
    /// Returns the factor by which what was summed before must shrink.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials<S, V>(float* scores, int count, int padded, float scale, ref float maximum, ref float sum)
        where S : struct, ISimd<V>
        where V : struct
    {
        var last = padded - S.Width;
        if (count < padded) S.Store(S.Keep(S.Load(scores + last), count - last, float.NegativeInfinity), scores + last);
        V m0 = S.Load(scores), m1 = m0, m2 = m0, m3 = m0;
        var j = 0;
        for (; j + (4 * S.Width) <= padded; j += 4 * S.Width)
        {
            m0 = S.Max(m0, S.Load(scores + j));
            m1 = S.Max(m1, S.Load(scores + j + S.Width));
            m2 = S.Max(m2, S.Load(scores + j + (2 * S.Width)));
            m3 = S.Max(m3, S.Load(scores + j + (3 * S.Width)));
        }

        for (; j < padded; j += S.Width) m0 = S.Max(m0, S.Load(scores + j));
        var top = MathF.Max(maximum, S.MaxOf(S.Max(S.Max(m0, m1), S.Max(m2, m3))) * scale);
        var correction = maximum == top ? 1f : float.IsNegativeInfinity(maximum) ? 0f : MathF.Pow(2f, maximum - top);
        maximum = top;

        V factor = S.Create(scale), shift = S.Create(-top), s0 = S.Zero, s1 = S.Zero;
        for (j = 0; j + (2 * S.Width) <= padded; j += 2 * S.Width)
        {
            var e0 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j), factor, shift));
            var e1 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j + S.Width), factor, shift));
            S.Store(e0, scores + j);
            S.Store(e1, scores + j + S.Width);
            s0 = S.Add(s0, e0);
            s1 = S.Add(s1, e1);
        }

        if (j < padded)
        {
            var e0 = VectorMath.Exp2<S, V>(S.Fma(S.Load(scores + j), factor, shift));
            S.Store(e0, scores + j);
            s0 = S.Add(s0, e0);
        }

        sum = (sum * correction) + S.Sum(S.Add(s0, s1));
        return correction;
    }

    private static void ScaleRow<S, V>(float* row, int columns, float factor)
        where S : struct, ISimd<V>
        where V : struct
    {
        var f = S.Create(factor);
        for (var c = 0; c < columns; c += S.Width) S.Store(S.Mul(S.Load(row + c), f), row + c);
    }
}
