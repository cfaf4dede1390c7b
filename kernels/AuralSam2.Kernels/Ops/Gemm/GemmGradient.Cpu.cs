using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// c += a^T b on the CPU with the tiles of <see cref="GemmTile"/>: the narrower factor is transposed once, the wider one is packed a strip of
/// columns and a stretch of rows at a time. Sums run along rows, in one order: the result does not depend on the number of threads.
/// </summary>
internal static unsafe class GemmGradientCpu
{
    /// <summary>Rows of a stretch: a strip of three vectors then takes 48 KB, as much as a first-level cache holds.</summary>
    private const int Stretch = 256;

    /// <summary>Rows of c that one item makes at least, and at most: the strip is packed again for each item.</summary>
    private const int LeastItemRows = 64, MostItemRows = 256;

    /// <summary>Floats between the rows of the transposed factor: rows a power of two apart would share a set of the first-level cache.</summary>
    private const int Apart = 16;

    public static void AddOuterProducts(CpuDevice device, Tensor a, Tensor b, Tensor c)
    {
        if (a.Columns <= b.Columns)
        {
            Add(device, a, b, c);
            return;
        }

        using var scope = device.Scope();
        Tensor turned = device.Rent(b.Columns, a.Columns), product = device.Rent(a.Columns, b.Columns);
        device.FillCore(turned, 0);
        Add(device, b, a, turned);
        Transpose.Forward(device, turned, product);
        Elementwise.Accumulate(device, product, c);
    }

    private static void Add(CpuDevice device, Tensor narrow, Tensor wide, Tensor c)
    {
        using var scope = device.Scope();
        var tileRows = device.Isa.TileRows();
        var padded = (narrow.Columns + tileRows - 1) / tileRows * tileRows;
        var turned = device.Rent(padded, narrow.Rows + Apart).SliceColumns(0, narrow.Rows);
        var matrix = new Tensor(narrow.Buffer, narrow.Offset, new Shape(narrow.Rows, narrow.Columns), narrow.RowStride);
        TransposeCpu.Run(device, matrix, turned.Slice(0, narrow.Columns));
        if (padded > narrow.Columns) device.FillCore(turned.Slice(narrow.Columns, padded - narrow.Columns), 0);

        var width = device.Isa.Lanes();
        var strips = CpuPackedMatrix.Split((wide.Columns + width - 1) / width, width);
        // Few items pack little, many keep all threads busy.
        var itemRows = MostItemRows;
        while (itemRows > LeastItemRows && strips.Length * Groups(itemRows) < 4 * device.Threads) itemRows /= 2;
        var groups = Groups(itemRows);
        device.Pool.For(strips.Length * groups, (item, worker) =>
        {
            var (strip, first) = (strips[item / groups], item % groups * itemRows);
            var rows = Math.Min(itemRows, padded - first);
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Item<Simd512, Vector512<float>>(device, worker, turned, wide, strip, first, rows, c); break;
                case CpuIsa.Avx2: Item<Simd256, Vector256<float>>(device, worker, turned, wide, strip, first, rows, c); break;
                default: Item<Simd128, Vector128<float>>(device, worker, turned, wide, strip, first, rows, c); break;
            }
        });

        int Groups(int rowsEach) => (padded + rowsEach - 1) / rowsEach;
    }

    /// <summary>Rows <paramref name="first"/> .. of c, the columns of one strip.</summary>
    private static void Item<S, V>(
        CpuDevice device, int worker, Tensor turned, Tensor wide, CpuPackedMatrix.Panel strip, int first, int rows, Tensor c)
        where S : struct, ISimd<V>
        where V : struct
    {
        var columns = strip.Vectors * S.Width;
        var valid = Math.Min(columns, wide.Columns - strip.Column);
        var packed = device.Scratch(worker, (Stretch * columns) + (rows * columns));
        var sums = packed + (Stretch * columns);
        new Span<float>(sums, rows * columns).Clear();
        for (var k = 0; k < wide.Rows; k += Stretch)
        {
            var count = Math.Min(Stretch, wide.Rows - k);
            for (var r = 0; r < count; r++)
            {
                var to = new Span<float>(packed + (r * columns), columns);
                new ReadOnlySpan<float>(wide.Pointer + ((nint)(k + r) * wide.RowStride) + strip.Column, valid).CopyTo(to);
                to[valid..].Clear();
            }

            var tile = new GemmTile.Operands
            {
                StrideA = turned.RowStride,
                B = packed,
                StrideB = columns,
                StrideC = columns,
                StrideResidual = columns,
                K = count,
            };
            for (var r = 0; r < rows; r += S.TileRows)
            {
                tile.A = turned.Pointer + ((nint)(first + r) * turned.RowStride) + k;
                tile.C = tile.Residual = sums + (r * columns);
                GemmTile.Run<S, V>(strip.Vectors, tile);
            }
        }

        for (var r = 0; r < Math.Min(rows, c.Rows - first); r++)
        {
            var to = c.Pointer + ((nint)(first + r) * c.RowStride) + strip.Column;
            ElementwiseCpu.AddRow(device.Isa, valid, to, sums + (r * columns), to, 1f);
        }
    }
}
