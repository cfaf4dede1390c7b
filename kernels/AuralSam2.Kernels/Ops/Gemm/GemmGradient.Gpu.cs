using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// c += a^T b on a GPU. Both factors are read as they lie, rows of neighbouring columns, a slice of rows at a time through shared memory; a
/// thread keeps 8 x 4 sums. Where c has few tiles, stretches of rows are summed apart and added in order.
/// </summary>
internal static class GemmGradientGpu
{
    private const int Threads = 128;

    /// <summary>Rows of a and b that a group holds at a time.</summary>
    private const int Slice = 16;

    private const int MaxAcross = 16;

    public static readonly GpuKernel<Arguments> Kernel = new(GemmOuterProducts, Threads, maxSharedFloats: Slice * ((8 * Threads / MaxAcross) + (4 * MaxAcross)));

    /// <summary>Arguments of <see cref="GemmOuterProducts"/>.</summary>
    /// <param name="A"><c>[rows, outputs]</c>.</param>
    /// <param name="B"><c>[rows, inputs]</c>.</param>
    /// <param name="C"><c>[parts * outputs, inputs]</c>: replaced where there are several parts, otherwise added to.</param>
    /// <param name="Across">Threads of a group side by side.</param>
    /// <param name="TilesDown">Tiles below each other.</param>
    /// <param name="TilesAcross">Tiles side by side.</param>
    /// <param name="PartRows">Rows of a part.</param>
    /// <param name="Kept">1 adds to what c holds, 0 replaces it.</param>
    /// <param name="VectorA">See <see cref="ColumnQuad"/>.</param>
    /// <param name="VectorB">See <see cref="ColumnQuad"/>.</param>
    /// <param name="VectorC">See <see cref="ColumnQuad"/>.</param>
    public readonly record struct Arguments(
        RowView A, RowView B, RowView C, int Across, int TilesDown, int TilesAcross, int PartRows, int Kept, int VectorA, int VectorB, int VectorC);

    public static void AddOuterProducts(IlgpuDevice device, Tensor a, Tensor b, Tensor c)
    {
        var threads = device.GroupSize(Kernel);
        var across = Math.Min(MaxAcross, threads);
        var (tileRows, tileColumns) = (8 * threads / across, 4 * across);
        var (down, wide) = ((c.Rows + tileRows - 1) / tileRows, (c.Columns + tileColumns - 1) / tileColumns);
        // Two groups per multiprocessor, but no part so short that its sums cost more than its products.
        var parts = Math.Clamp(2 * device.Parallelism / (down * wide), 1, Math.Max(1, a.Rows / 256));
        var partRows = ((((a.Rows + parts - 1) / parts) + Slice - 1) / Slice) * Slice;
        parts = (a.Rows + partRows - 1) / partRows;
        using var scope = device.Scope();
        var target = parts == 1 ? c : device.Rent(parts * c.Rows, c.Columns);
        var arguments = new Arguments(
            device.Rows(a), device.Rows(b), device.Rows(target), across, down, wide, partRows, parts == 1 ? 1 : 0,
            RowQuads.VectorOf(a), RowQuads.VectorOf(b), RowQuads.VectorOf(target));
        device.Launch(Kernel, (long)parts * down * wide, threads, Slice * (tileRows + tileColumns), arguments);
        if (parts > 1) RowSumGpu.Run(device, target, c.Reshape(c.Rows, c.Columns), 1f);
    }

    internal static void GemmOuterProducts(Arguments arguments)
    {
        var shared = SharedQuads.Get();
        var across = arguments.Across;
        var quadsA = 2 * (Group.DimX / across); // of a row of a's slice
        var sharedB = Slice * quadsA;
        var strip = Grid.IdxX / arguments.TilesAcross;
        var part = strip / arguments.TilesDown;
        var column0 = (Grid.IdxX - (strip * arguments.TilesAcross)) * 4 * across;
        var output0 = (strip - (part * arguments.TilesDown)) * 4 * quadsA;
        var (threadDown, threadAcross) = (Group.IdxX / across, Group.IdxX % across);
        var (begin, end) = (part * arguments.PartRows, IntrinsicMath.Min((part + 1) * arguments.PartRows, arguments.A.Rows));

        Quad low = default, high = default;
        for (var k = begin; k < end; k += Slice)
        {
            for (var e = Group.IdxX; e < Slice * quadsA; e += Group.DimX)
            {
                var (r, q) = (e / quadsA, e % quadsA * 4);
                shared[e] = Read(arguments.A, k + r, end, output0 + q, arguments.VectorA);
            }

            for (var e = Group.IdxX; e < Slice * across; e += Group.DimX)
            {
                var (r, q) = (e / across, e % across * 4);
                shared[sharedB + e] = Read(arguments.B, k + r, end, column0 + q, arguments.VectorB);
            }

            Group.Barrier();
            for (var r = 0; r < Slice; r++)
            {
                var at = (r * quadsA) + (2 * threadDown);
                Float4 a0 = shared[at], a1 = shared[at + 1], b = shared[sharedB + (r * across) + threadAcross];
                low.AccumulateOuter(a0, b);
                high.AccumulateOuter(a1, b);
            }

            Group.Barrier();
        }

        var (output, column) = (output0 + (8 * threadDown), column0 + (4 * threadAcross));
        var quad = new ColumnQuad(column, arguments.C.Columns - column, arguments.VectorC);
        var outputs = arguments.A.Columns;
        if (quad.IsEmpty) return;
        Write(arguments, part, output, outputs, quad, low.Row0);
        Write(arguments, part, output + 1, outputs, quad, low.Row1);
        Write(arguments, part, output + 2, outputs, quad, low.Row2);
        Write(arguments, part, output + 3, outputs, quad, low.Row3);
        Write(arguments, part, output + 4, outputs, quad, high.Row0);
        Write(arguments, part, output + 5, outputs, quad, high.Row1);
        Write(arguments, part, output + 6, outputs, quad, high.Row2);
        Write(arguments, part, output + 7, outputs, quad, high.Row3);
    }

    private static Float4 Read(RowView view, int row, int end, int column, int vector)
    {
        Float4 values = default;
        if (row < end) values = view.Load(row, new ColumnQuad(column, view.Columns - column, vector));
        return values;
    }

    private static void Write(in Arguments arguments, int part, int output, int outputs, ColumnQuad quad, Float4 sums)
    {
        if (output >= outputs) return;
        var row = (part * outputs) + output;
        if (arguments.Kept != 0) sums += arguments.C.Load(row, quad);
        arguments.C.Store(row, quad, sums);
    }
}
