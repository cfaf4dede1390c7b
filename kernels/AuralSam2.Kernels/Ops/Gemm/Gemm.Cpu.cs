using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Matrix products on the CPU: blocks of rows are shared between threads; within a block every panel of the packed weight meets every
/// tile of rows. A block's rows stay in the second-level cache while the weight streams by.
/// </summary>
internal static unsafe class GemmCpu
{
    /// <summary>Rows of a block.</summary>
    public const int BlockRows = 64;

    /// <summary>Floats of the largest tile: 8 rows of 3 vectors of 16, rounded up.</summary>
    private const int TileFloats = 8 * 64;

    /// <summary>Longest stretch of k that one tile runs: beyond it a panel falls out of the second-level cache between tiles.</summary>
    private const int BlockK = 1536;

    /// <summary>What happens to a block after its product.</summary>
    public readonly struct Epilogue
    {
        public Activation Activation { get; init; }

        public float* Residual { get; init; }

        public nint StrideResidual { get; init; }
    }

    public static void Run(CpuDevice device, Tensor x, CpuPackedMatrix weight, Tensor y, in GemmFusion fusion)
    {
        var (norm, residual, activation) = (fusion.Norm, fusion.Residual, fusion.Activation);
        var rows = x.Rows;
        if (rows == 0) return;
        // A residual that repeats must not change within a block: blocks then divide it.
        var blockRows = residual.IsEmpty || residual.Rows == rows ? BlockRows : Math.Min(BlockRows, residual.Rows);
        var period = residual.IsEmpty ? rows : residual.Rows;
        var blocksEach = (period + blockRows - 1) / blockRows;
        var rowBlocks = blocksEach * (rows / period);
        // Few rows (tokens of a decoder, VGGish's dense layers): share the panels out instead.
        var panelGroups = Math.Clamp(4 * device.Threads / rowBlocks, 1, weight.Panels.Length);
        device.Pool.For(rowBlocks * panelGroups, (item, worker) =>
        {
            var (block, group) = (item / panelGroups, item % panelGroups);
            var inPeriod = block % blocksEach * blockRows;
            var first = (block / blocksEach * period) + inPeriod;
            var count = Math.Min(blockRows, period - inPeriod);
            var a = x.Pointer + ((nint)first * x.RowStride);
            nint strideA = x.RowStride;
            var scratch = device.Scratch(worker, TailFloats(weight) + ((nint)BlockRows * weight.Inputs));
            if (norm is { } n)
            {
                var normalised = scratch + TailFloats(weight);
                LayerNormCpu.Rows(device.Isa, count, weight.Inputs, a, strideA, null, 0, n, normalised, weight.Inputs);
                a = normalised;
                strideA = weight.Inputs;
            }

            var epilogue = new Epilogue
            {
                Activation = activation,
                Residual = residual.IsEmpty ? null : residual.Pointer + ((nint)inPeriod * residual.RowStride),
                StrideResidual = residual.IsEmpty ? 0 : residual.RowStride,
            };
            var (from, to) = (group * weight.Panels.Length / panelGroups, (group + 1) * weight.Panels.Length / panelGroups);
            // Rows that were normalised are in the cache already.
            Block(
                device.Isa, weight, from, to, count, a, strideA, y.Pointer + ((nint)first * y.RowStride), y.RowStride, epilogue, scratch,
                fetchAhead: norm is null);
        });
    }

    /// <summary>Scratch that a block needs, in floats: the last rows of A, one tile of C and one of the residual.</summary>
    public static nint TailFloats(CpuPackedMatrix weight) => (8 * (((nint)weight.Inputs + 15) & ~15)) + (2 * TileFloats);

    /// <summary>One block of rows against all panels.</summary>
    public static void Block(
        CpuIsa isa, CpuPackedMatrix weight, int rows,
        float* a, nint strideA, float* c, nint strideC, in Epilogue epilogue, float* scratch) =>
        Block(isa, weight, 0, weight.Panels.Length, rows, a, strideA, c, strideC, epilogue, scratch, fetchAhead: false);

    /// <summary>
    /// One block of rows against panels <paramref name="from"/> to <paramref name="to"/> - 1. Rows that come from memory are fetched ahead: a
    /// tile reads eight of them side by side, a pattern that the processor does not foresee.
    /// </summary>
    private static void Block(
        CpuIsa isa, CpuPackedMatrix weight, int from, int to, int rows,
        float* a, nint strideA, float* c, nint strideC, in Epilogue epilogue, float* scratch, bool fetchAhead)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Block<Simd512, Vector512<float>>(isa, weight, from, to, rows, a, strideA, c, strideC, epilogue, scratch, fetchAhead); break;
            case CpuIsa.Avx2: Block<Simd256, Vector256<float>>(isa, weight, from, to, rows, a, strideA, c, strideC, epilogue, scratch, fetchAhead); break;
            default: Block<Simd128, Vector128<float>>(isa, weight, from, to, rows, a, strideA, c, strideC, epilogue, scratch, fetchAhead); break;
        }
    }

    private static void Block<S, V>(
        CpuIsa isa, CpuPackedMatrix weight, int from, int to, int rows,
        float* a, nint strideA, float* c, nint strideC, in Epilogue epilogue, float* scratch, bool fetchAhead)
        where S : struct, ISimd<V>
        where V : struct
    {
        var whole = rows / S.TileRows * S.TileRows;
        var tailRows = rows - whole;
        var tailC = scratch;
        var tailResidual = tailC + TileFloats;
        var tailA = tailResidual + TileFloats;
        nint strideTail = (weight.Inputs + 15) & ~15;
        if (tailRows > 0) CopyRows(tailRows, weight.Inputs, a + (whole * strideA), strideA, tailA, strideTail);

        for (var p = from; p < to; p++)
        {
            var panel = weight.Panels[p];
            var columns = panel.Vectors * S.Width;
            var valid = Math.Min(columns, weight.Outputs - panel.Column);
            var direct = valid == columns ? whole : 0; // a ragged last panel goes through the small tile, its padding is not stored
            Tiles<S, V>(
                weight, panel, direct, a, strideA, c + panel.Column, strideC, RowsOf(epilogue, 0, panel.Column), epilogue.StrideResidual,
                fetchAhead && p == from);
            for (var i = direct; i < rows; i += S.TileRows)
            {
                var count = Math.Min(S.TileRows, rows - i);
                // The same sums in the same order as in a whole tile: a row's bits do not depend on where its block ends.
                var residual = RowsOf(epilogue, i, panel.Column);
                if (residual != null) CopyRows(count, valid, residual, epilogue.StrideResidual, tailResidual, columns);
                var start = residual == null ? null : tailResidual;
                if (count == S.TileRows) Tiles<S, V>(weight, panel, S.TileRows, a + (i * strideA), strideA, tailC, columns, start, columns);
                else Tiles<S, V>(weight, panel, S.TileRows, tailA, strideTail, tailC, columns, start, columns);
                CopyRows(count, valid, tailC, columns, c + (i * strideC) + panel.Column, strideC);
            }

            if (epilogue.Activation != Activation.None) ElementwiseCpu.Activate(isa, epilogue.Activation, rows, valid, c + panel.Column, strideC);
        }
    }

    private static float* RowsOf(in Epilogue epilogue, int row, int column) =>
        epilogue.Residual == null ? null : epilogue.Residual + (row * epilogue.StrideResidual) + column;

    /// <summary>Whole tiles of rows against one panel, a stretch of k at a time: the stretch of the panel is read once for all rows.</summary>
    private static void Tiles<S, V>(
        CpuPackedMatrix weight, CpuPackedMatrix.Panel panel, int rows,
        float* a, nint strideA, float* c, nint strideC, float* residual, nint strideResidual, bool fetchAhead = false)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint strideB = panel.Vectors * S.Width;
        var tile = new GemmTile.Operands
        {
            StrideA = strideA,
            B = weight.Values(panel),
            StrideB = strideB,
            StrideC = strideC,
            Bias = weight.PaddedBias + panel.Column,
        };
        for (nint k = 0; k < weight.Inputs; k += BlockK)
        {
            // The first stretch starts from bias and residual, the others from what is there.
            var (from, strideFrom) = k == 0 ? ((nint)residual, strideResidual) : ((nint)c, strideC);
            tile.StrideResidual = strideFrom;
            tile.K = Math.Min(BlockK, weight.Inputs - k);
            for (var i = 0; i < rows; i += S.TileRows)
            {
                tile.A = a + (i * strideA) + k;
                if (fetchAhead) FetchRows(S.TileRows, tile.K, tile.A + (S.TileRows * strideA), strideA);
                tile.C = c + (i * strideC);
                tile.Residual = from == 0 ? null : (float*)from + (i * strideFrom);
                GemmTile.Run<S, V>(panel.Vectors, tile);
            }

            tile.B += tile.K * strideB;
            tile.Bias = null;
        }
    }

    /// <summary>Asks for rows, for the second-level cache. Beyond the last row of a tensor nothing is read: a prefetch of any address is harmless.</summary>
    private static void FetchRows(int rows, nint columns, float* first, nint stride)
    {
        const int line = 16; // floats
        if (!Sse.IsSupported) return;
        for (var r = 0; r < rows; r++)
            for (nint c = 0; c < columns; c += line) Sse.Prefetch1(first + (r * stride) + c);
    }

    /// <summary>Copies rows; what lies beyond them in a tile is never stored.</summary>
    private static void CopyRows(int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
    {
        for (var r = 0; r < rows; r++)
            new ReadOnlySpan<float>(source + (r * strideSource), columns).CopyTo(new Span<float>(target + (r * strideTarget), columns));
    }
}
