using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>A matrix of each head of each sequence: where its elements lie.</summary>
/// <param name="Data">What holds them.</param>
/// <param name="Batch">Floats from one sequence to the next.</param>
/// <param name="Head">Floats from one head to the next.</param>
/// <param name="Row">Floats from one row to the next.</param>
/// <param name="Column">Floats from one column to the next.</param>
internal readonly record struct HeadMatrix(ArrayView<float> Data, long Batch, long Head, int Row, int Column)
{
    /// <summary>The same matrix, rows as columns.</summary>
    public HeadMatrix Transposed => this with { Row = Column, Column = Row };

    /// <summary>The matrix of one head.</summary>
    public ArrayView<float> Of(int batch, int head)
    {
        var start = (batch * Batch) + (head * Head);
        return Data.SubView(start, Data.Length - start);
    }
}

/// <summary>
/// C (+)= factor A B for all heads at once, each factor as it lies or transposed. A thread owns 4 x 4 elements of C; a group stages both
/// factors in shared memory, sixteen terms at a time.
/// </summary>
internal static class HeadProductGpu
{
    private const int Threads = 256;
    private const int Depth = 16;

    /// <summary>Quads of a stage's rows, one more than each needs.</summary>
    private const int StageQuads = Depth * ((Threads / 16) + 1);

    public static readonly GpuKernel<Arguments> Kernel = new(MultiplyHeads, Threads, maxSharedFloats: 2 * 4 * StageQuads);

    /// <summary>Arguments of <see cref="MultiplyHeads"/>.</summary>
    /// <param name="A"><c>[m, k]</c>.</param>
    /// <param name="B"><c>[k, n]</c>.</param>
    /// <param name="C"><c>[m, n]</c>.</param>
    /// <param name="Heads">Heads of a sequence.</param>
    /// <param name="M">Rows of C.</param>
    /// <param name="N">Columns of C.</param>
    /// <param name="K">Terms of a sum.</param>
    /// <param name="Items">Tiles of all heads.</param>
    /// <param name="TilesAcross">Tiles side by side in C.</param>
    /// <param name="TilesDown">Tiles below each other.</param>
    /// <param name="AcrossBits">2^AcrossBits threads stand side by side.</param>
    /// <param name="Factor">Of the product.</param>
    /// <param name="Adds">1: C is added to.</param>
    public readonly record struct Arguments(
        HeadMatrix A, HeadMatrix B, HeadMatrix C, int Heads, int M, int N, int K, int Items, int TilesAcross, int TilesDown, int AcrossBits,
        float Factor, int Adds);

    public static void Run(
        IlgpuDevice device, HeadMatrix a, HeadMatrix b, HeadMatrix c, int sequences, int heads, (int M, int N, int K) shape, float factor,
        bool adds)
    {
        var threads = device.GroupSize(Kernel);
        var acrossBits = BitOperations.Log2((uint)threads) / 2;
        var (tileN, tileM) = (4 << acrossBits, 4 * (threads >> acrossBits));
        var (across, down) = ((shape.N + tileN - 1) / tileN, (shape.M + tileM - 1) / tileM);
        var items = checked(sequences * across * down);
        var arguments = new Arguments(a, b, c, heads, shape.M, shape.N, shape.K, items, across, down, acrossBits, factor, adds ? 1 : 0);
        var shared = 4 * Depth * ((tileM / 4) + 1 + (tileN / 4) + 1);
        device.Launch(Kernel, GroupThread.Groups(device, items), threads, shared, arguments);
    }

    internal static void MultiplyHeads(Arguments arguments)
    {
        var shared = SharedQuads.Get();
        var thread = GroupThread.Current;
        var (quadsN, quadsM) = (1 << arguments.AcrossBits, thread.Count >> arguments.AcrossBits);
        var (x, y) = (thread.Index & (quadsN - 1), thread.Index >> arguments.AcrossBits);
        var startB = Depth * (quadsM + 1); // one quad more than a row needs: columns of a stage then lie in different banks
        for (var item = Grid.IdxX; item < arguments.Items; item += Grid.DimX)
        {
            var tile = item % (arguments.TilesAcross * arguments.TilesDown);
            var sequence = item / (arguments.TilesAcross * arguments.TilesDown);
            var (batch, head) = (sequence / arguments.Heads, sequence % arguments.Heads);
            var (m0, n0) = (tile / arguments.TilesAcross * 4 * quadsM, tile % arguments.TilesAcross * 4 * quadsN);
            var (a, b, c) = (arguments.A.Of(batch, head), arguments.B.Of(batch, head), arguments.C.Of(batch, head));
            Float4 c0 = default, c1 = default, c2 = default, c3 = default;
            for (var k0 = 0; k0 < arguments.K; k0 += Depth)
            {
                Stage(shared, 0, quadsM, thread, a, arguments.A.Row, arguments.A.Column, m0, arguments.M, k0, arguments.K);
                Stage(shared, startB, quadsN, thread, b, arguments.B.Column, arguments.B.Row, n0, arguments.N, k0, arguments.K);
                thread.Barrier();
                for (var k = 0; k < Depth; k++)
                {
                    Float4 left = shared[(k * (quadsM + 1)) + y], right = shared[startB + (k * (quadsN + 1)) + x];
                    c0 = Add(left.X, right, c0);
                    c1 = Add(left.Y, right, c1);
                    c2 = Add(left.Z, right, c2);
                    c3 = Add(left.W, right, c3);
                }

                thread.Barrier(); // before the next stage
            }

            var (row, column) = (m0 + (4 * y), n0 + (4 * x));
            Store(arguments, c, row, column, c0);
            Store(arguments, c, row + 1, column, c1);
            Store(arguments, c, row + 2, column, c2);
            Store(arguments, c, row + 3, column, c3);
        }
    }

    private static Float4 Add(float a, Float4 b, Float4 c) => new((a * b.X) + c.X, (a * b.Y) + c.Y, (a * b.Z) + c.Z, (a * b.W) + c.W);

    /// <summary>
    /// Terms k0 .. of four neighbours at a time; zeros beyond the matrix. Neighbouring threads read along the dimension that is dense.
    /// </summary>
    private static void Stage(
        ArrayView<Float4> shared, int start, int quads, GroupThread thread, ArrayView<float> from, int stride, int strideK, int first, int count,
        int k0, int depth)
    {
        for (var e = thread.Index; e < Depth * quads; e += thread.Count)
        {
            var (k, quad) = strideK == 1 ? (e % Depth, e / Depth) : (e / quads, e % quads);
            var n = first + (4 * quad);
            var left = k0 + k < depth ? count - n : 0;
            var at = ((long)n * stride) + ((long)(k0 + k) * strideK);
            shared[start + (k * (quads + 1)) + quad] = new(
                left > 0 ? from[at] : 0f, left > 1 ? from[at + stride] : 0f, left > 2 ? from[at + (2L * stride)] : 0f,
                left > 3 ? from[at + (3L * stride)] : 0f);
        }
    }

    private static void Store(Arguments arguments, ArrayView<float> c, int row, int column, Float4 value)
    {
        if (row >= arguments.M) return;
        var left = arguments.N - column;
        var at = ((long)row * arguments.C.Row) + ((long)column * arguments.C.Column);
        var step = arguments.C.Column;
        var f = arguments.Factor;
        if (left > 0) c[at] = (f * value.X) + (arguments.Adds != 0 ? c[at] : 0f);
        if (left > 1) c[at + step] = (f * value.Y) + (arguments.Adds != 0 ? c[at + step] : 0f);
        if (left > 2) c[at + (2L * step)] = (f * value.Z) + (arguments.Adds != 0 ? c[at + (2L * step)] : 0f);
        if (left > 3) c[at + (3L * step)] = (f * value.W) + (arguments.Adds != 0 ? c[at + (3L * step)] : 0f);
    }
}
