using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The contrastive loss on the CPU with the tiles of <see cref="GemmTile"/>: a thread takes 64 rows against a panel of columns at a time. The
/// gradients of anchors and of contrasts are made in walks of their own, one by rows and one by columns of the matrix, so that no two threads
/// add to one row.
/// </summary>
internal static unsafe class InfoNceCpu
{
    private const int BlockRows = 64;

    /// <summary>What padding has for a product: nothing compares with it, nothing comes of it.</summary>
    private const float Nowhere = -1e30f;

    public static void Run(CpuDevice device, InfoNce.Problem problem, Tensor loss)
    {
        using var scope = device.Scope();
        var (n, width) = (problem.Anchors.Rows, device.Isa.Lanes());
        var (anchors, marks) = (Padded(device, problem.Anchors), Padded(device, problem.Marks.Contrasts, width));
        using var contrasts = Pack(device, problem.Contrasts);
        device.Pool.For((n + BlockRows - 1) / BlockRows, (item, worker) =>
        {
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Sum<Simd512, Vector512<float>>(device, worker, problem, anchors, contrasts, marks, item * BlockRows); break;
                case CpuIsa.Avx2: Sum<Simd256, Vector256<float>>(device, worker, problem, anchors, contrasts, marks, item * BlockRows); break;
                default: Sum<Simd128, Vector128<float>>(device, worker, problem, anchors, contrasts, marks, item * BlockRows); break;
            }
        });
        double sum = 0;
        for (var i = 0; i < n; i++) sum += problem.Kept.Pointer[(4 * n) + i];
        *loss.Pointer += (float)(sum / n);
    }

    public static void Gradient(CpuDevice device, InfoNce.Problem problem, Tensor dLoss, Tensor dAnchors, Tensor dContrasts)
    {
        using var scope = device.Scope();
        var (n, width) = (problem.Anchors.Rows, device.Isa.Lanes());
        // Label, identity, maximum, sum over negatives, sum over positives, factor.
        var known = device.Arena.Rent(6, n);
        device.CopyCore(problem.Marks.Anchors, known.Slice(0, 2));
        device.CopyCore(problem.Kept.Slice(0, 3), known.Slice(2, 3));
        for (var i = 0; i < n; i++)
            known.Pointer[(5 * n) + i] = *dLoss.Pointer * problem.Sharpness / (n * Math.Max(1, problem.Kept.Pointer[(3 * n) + i]));
        var (ofAnchors, ofContrasts) = (Padded(device, known, width), Padded(device, problem.Marks.Contrasts, width));
        Tensor anchors = Padded(device, problem.Anchors), contrasts = Padded(device, problem.Contrasts);
        if (!dAnchors.IsEmpty)
        {
            using var others = Pack(device, problem.Contrasts);
            Walk(device, new Sides(anchors, contrasts, others, ofAnchors, ofContrasts, true, problem), dAnchors);
        }

        if (!dContrasts.IsEmpty)
        {
            using var others = Pack(device, problem.Anchors);
            Walk(device, new Sides(contrasts, anchors, others, ofAnchors, ofContrasts, false, problem), dContrasts);
        }
    }

    /// <summary>One walk of the gradient.</summary>
    /// <param name="Rows">Values whose gradient is made, padded.</param>
    /// <param name="Columns">The others, padded.</param>
    /// <param name="Packed">The others as panels.</param>
    /// <param name="OfAnchors">What is known of anchors, padded.</param>
    /// <param name="OfContrasts">What is known of contrasts, padded.</param>
    /// <param name="RowsAreAnchors">Which of both the rows are.</param>
    /// <param name="Problem">The rest.</param>
    private sealed record Sides(
        Tensor Rows, Tensor Columns, CpuPackedMatrix Packed, Tensor OfAnchors, Tensor OfContrasts, bool RowsAreAnchors, InfoNce.Problem Problem);

    private static void Walk(CpuDevice device, Sides sides, Tensor gradient) =>
        device.Pool.For((gradient.Rows + BlockRows - 1) / BlockRows, (item, worker) =>
        {
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Block<Simd512, Vector512<float>>(device, worker, sides, item * BlockRows, gradient); break;
                case CpuIsa.Avx2: Block<Simd256, Vector256<float>>(device, worker, sides, item * BlockRows, gradient); break;
                default: Block<Simd128, Vector128<float>>(device, worker, sides, item * BlockRows, gradient); break;
            }
        });

    /// <summary>Rows and columns filled up with zeros to whole blocks, panels and vectors.</summary>
    private static Tensor Padded(CpuDevice device, Tensor x)
    {
        var columns = (x.Columns + 15) / 16 * 16;
        var padded = device.Arena.Rent((x.Rows + BlockRows - 1) / BlockRows * BlockRows, columns);
        device.FillCore(padded, 0);
        device.CopyCore(x, padded.Slice(0, x.Rows).SliceColumns(0, x.Columns));
        return padded;
    }

    /// <summary>Columns filled up with zeros to whole vectors: nobody's factor, nobody's positive or negative.</summary>
    private static Tensor Padded(CpuDevice device, Tensor x, int width)
    {
        var padded = device.Arena.Rent(x.Rows, (x.Columns + width - 1) / width * width);
        device.FillCore(padded, 0);
        device.CopyCore(x, padded.SliceColumns(0, x.Columns));
        return padded;
    }

    private static CpuPackedMatrix Pack(CpuDevice device, Tensor x)
    {
        using var scope = device.Scope();
        var dense = x;
        if (!x.IsDense)
        {
            dense = device.Arena.Rent(x.Rows, x.Columns);
            device.CopyCore(x, dense);
        }

        return new CpuPackedMatrix(device, new ReadOnlySpan<float>(dense.Pointer, checked((int)dense.Length)), x.Rows, []);
    }

    /// <summary>A tile of products, <see cref="BlockRows"/> rows high, sharpened; padding is <see cref="Nowhere"/>.</summary>
    private static void Multiply<S, V>(Tensor rows, int first, CpuPackedMatrix others, CpuPackedMatrix.Panel panel, float sharpness, float* tile)
        where S : struct, ISimd<V>
        where V : struct
    {
        var columns = panel.Vectors * S.Width;
        var operands = new GemmTile.Operands
        {
            StrideA = rows.RowStride,
            B = others.Values(panel),
            StrideB = columns,
            StrideC = columns,
            K = others.Inputs,
        };
        for (var r = 0; r < BlockRows; r += S.TileRows)
        {
            operands.A = rows.Pointer + ((nint)(first + r) * rows.RowStride);
            operands.C = tile + (r * columns);
            GemmTile.Run<S, V>(panel.Vectors, operands);
        }

        var factor = S.Create(sharpness);
        for (var i = 0; i < BlockRows * columns; i += S.Width) S.Store(S.Mul(factor, S.Load(tile + i)), tile + i);
        for (var c = others.Outputs - panel.Column; c < columns; c++)
            for (var r = 0; r < BlockRows; r++) tile[(r * columns) + c] = Nowhere;
    }

    /// <summary>1 where two marks are the same whole number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Same<S, V>(V a, V b)
        where S : struct, ISimd<V>
        where V : struct
    {
        var d = S.Sub(a, b);
        return S.SelectGreater(S.Create(0.25f), S.Mul(d, d), S.Create(1f), S.Zero);
    }

    /// <summary>Statistics and losses of a block of anchors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<S, V>(
        CpuDevice device, int worker, InfoNce.Problem problem, Tensor anchors, CpuPackedMatrix contrasts, Tensor marks, int first)
        where S : struct, ISimd<V>
        where V : struct
    {
        int n = problem.Anchors.Rows, rows = Math.Min(BlockRows, n - first), stride = marks.RowStride;
        var tile = device.Scratch(worker, BlockRows * 3 * S.Width);
        float* labels = marks.Pointer, own = problem.Marks.Anchors.Pointer + first, kept = problem.Kept.Pointer + first;
        for (var r = 0; r < rows; r++) (kept[r], kept[n + r], kept[(2 * n) + r], kept[(3 * n) + r], kept[(4 * n) + r]) = (Nowhere, 0, 0, 0, 0);
        foreach (var panel in contrasts.Panels)
        {
            Multiply<S, V>(anchors, first, contrasts, panel, problem.Sharpness, tile);
            var columns = panel.Vectors * S.Width;
            for (var r = 0; r < rows; r++)
            {
                var s = tile + (r * columns);
                var top = S.Create(kept[r]);
                for (var c = 0; c < columns; c += S.Width) top = S.MaxOrNaN(top, S.Load(s + c));
                var highest = S.MaxOf(top);
                if (highest > kept[r]) kept[n + r] *= MathF.Exp(kept[r] - highest);
                kept[r] = highest;
                V center = S.Create(highest), label = S.Create(own[r]), identity = S.Create(own[n + r]), sum = S.Zero;
                for (var c = 0; c < columns; c += S.Width)
                {
                    var at = labels + panel.Column + c;
                    var weight = S.Mul(S.Load(at + (3 * stride)), S.Sub(S.Create(1f), Same<S, V>(identity, S.Load(at + stride))));
                    if (!problem.Supervised) weight = S.Mul(weight, S.Sub(S.Create(1f), Same<S, V>(label, S.Load(at))));
                    sum = S.Fma(weight, VectorMath.Exp<S, V>(S.Sub(S.Load(s + c), center)), sum);
                }

                kept[n + r] += S.Sum(sum);
            }
        }

        var total = stackalloc double[2 * BlockRows];
        new Span<double>(total, 2 * BlockRows).Clear();
        foreach (var panel in contrasts.Panels)
        {
            var columns = Math.Min(panel.Vectors * S.Width, contrasts.Outputs - panel.Column);
            var at = labels + panel.Column;
            if (new ReadOnlySpan<float>(at + (2 * stride), columns).IndexOfAnyExcept(0f) < 0) continue; // mostly negatives alone
            Multiply<S, V>(anchors, first, contrasts, panel, problem.Sharpness, tile);
            for (var r = 0; r < rows; r++)
            {
                for (var c = 0; c < columns; c++)
                {
                    if (at[(2 * stride) + c] == 0 || at[c] != own[r] || at[stride + c] == own[n + r]) continue;
                    var s = (double)tile[(r * panel.Vectors * S.Width) + c] - kept[r];
                    var denominator = kept[n + r] + (problem.Supervised ? 0 : Math.Exp(s));
                    total[r] += s - Math.Log(denominator);
                    total[BlockRows + r] += 1 / denominator;
                    kept[(3 * n) + r]++;
                }
            }
        }

        for (var r = 0; r < rows; r++)
        {
            kept[(2 * n) + r] = (float)total[BlockRows + r];
            kept[(4 * n) + r] = (float)(-total[r] / Math.Max(1, kept[(3 * n) + r]));
        }
    }

    /// <summary>Gradients of a block of rows: tiles of ds, multiplied with the others' values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<S, V>(CpuDevice device, int worker, Sides sides, int first, Tensor gradient)
        where S : struct, ISimd<V>
        where V : struct
    {
        var (channels, rows) = (sides.Rows.Columns, Math.Min(BlockRows, gradient.Rows - first));
        var tile = device.Scratch(worker, (BlockRows * 3 * S.Width) + (BlockRows * channels));
        var sums = tile + (BlockRows * 3 * S.Width);
        new Span<float>(sums, BlockRows * channels).Clear();
        var strips = CpuPackedMatrix.Split(channels / S.Width, S.Width);
        foreach (var panel in sides.Packed.Panels)
        {
            Multiply<S, V>(sides.Rows, first, sides.Packed, panel, sides.Problem.Sharpness, tile);
            Slopes<S, V>(sides, first, rows, panel, tile);
            var columns = panel.Vectors * S.Width;
            var operands = new GemmTile.Operands
            {
                StrideA = columns,
                StrideB = channels,
                StrideC = channels,
                StrideResidual = channels,
                K = columns,
            };
            foreach (var strip in strips)
            {
                operands.B = sides.Columns.Pointer + ((nint)panel.Column * channels) + strip.Column;
                for (var r = 0; r < BlockRows; r += S.TileRows)
                {
                    operands.A = tile + (r * columns);
                    operands.C = operands.Residual = sums + (r * channels) + strip.Column;
                    GemmTile.Run<S, V>(strip.Vectors, operands);
                }
            }
        }

        for (var r = 0; r < rows; r++)
        {
            var to = gradient.Pointer + ((nint)(first + r) * gradient.RowStride);
            ElementwiseCpu.AddRow(device.Isa, gradient.Columns, to, sums + (r * channels), to, 1f);
        }
    }

    /// <summary>A tile of s becomes one of ds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Slopes<S, V>(Sides sides, int first, int rows, CpuPackedMatrix.Panel panel, float* tile)
        where S : struct, ISimd<V>
        where V : struct
    {
        int columns = panel.Vectors * S.Width, strideA = sides.OfAnchors.RowStride, strideC = sides.OfContrasts.RowStride;
        var (byAnchors, supervised) = (sides.RowsAreAnchors, sides.Problem.Supervised);
        new Span<float>(tile + (rows * columns), (BlockRows - rows) * columns).Clear();
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c += S.Width)
            {
                float* a = sides.OfAnchors.Pointer + (byAnchors ? first + r : panel.Column + c);
                float* b = sides.OfContrasts.Pointer + (byAnchors ? panel.Column + c : first + r);
                V one = S.Create(1f), s = S.Load(tile + (r * columns) + c);
                var same = Same<S, V>(Of<S, V>(a, byAnchors), Of<S, V>(b, !byAnchors));
                var other = S.Sub(one, Same<S, V>(Of<S, V>(a + strideA, byAnchors), Of<S, V>(b + strideC, !byAnchors)));
                var positive = S.Mul(S.Mul(same, other), Of<S, V>(b + (2 * strideC), !byAnchors));
                var negative = S.Mul(supervised ? other : S.Mul(S.Sub(one, same), other), Of<S, V>(b + (3 * strideC), !byAnchors));
                var e = VectorMath.Exp<S, V>(S.Sub(s, Of<S, V>(a + (2 * strideA), byAnchors)));
                var sum = Of<S, V>(a + (3 * strideA), byAnchors);
                var pull = supervised ? positive : S.Mul(positive, S.Div(sum, S.Add(S.Add(e, sum), S.Create(1e-37f))));
                var push = S.Mul(S.Mul(negative, e), Of<S, V>(a + (4 * strideA), byAnchors));
                S.Store(S.Mul(S.Sub(push, pull), Of<S, V>(a + (5 * strideA), byAnchors)), tile + (r * columns) + c);
            }
        }
    }

    /// <summary>A mark of the row, for all columns, or the marks of the columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Of<S, V>(float* p, bool ofRow)
        where S : struct, ISimd<V>
        where V : struct => ofRow ? S.Create(*p) : S.Load(p);
}
