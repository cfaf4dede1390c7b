using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Arguments of the kernels for few rows.</summary>
/// <param name="X">The left operand.</param>
/// <param name="Weight"><c>[inputs, column quads]</c>, zeros behind the last input to a multiple of four.</param>
/// <param name="Output">What happens to the sums.</param>
/// <param name="AcrossBits">log2 of the threads of a group that stand abreast, with a quad of columns each.</param>
/// <param name="Tiles">All tiles of y.</param>
/// <param name="TilesDown">Tiles in a column of tiles.</param>
internal readonly record struct FewRowsArguments<TRows>(
    TRows X, ArrayView<Float4> Weight, GemmOutput Output, int AcrossBits, int Tiles, int TilesDown)
    where TRows : struct;

/// <summary>
/// Matrix products with few rows, whose time is the time to read the weight: tokens of a decoder, dense layers of VGGish. A group takes 8 rows
/// and a few columns and shares out k, so that many threads read at once; nothing is staged, because nobody else needs it.
/// </summary>
internal static class SimtFewRows
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 8;

    /// <summary>The body of a kernel: the tiles of one group. Neighbouring groups read the same columns of the weight.</summary>
    public static void Multiply<TRows, TCursor>(in FewRowsArguments<TRows> arguments)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
    {
        var shared = SharedQuads.Get();
        var (thread, groups) = (GroupThread.Current, Grid.DimX);
        var across = 1 << arguments.AcrossBits;
        for (var index = Grid.IdxX; index < arguments.Tiles; index += groups)
        {
            var (row0, quad0) = (index % arguments.TilesDown * TileRows, index / arguments.TilesDown << arguments.AcrossBits);
            Sum<TRows, TCursor>(in arguments, shared, thread, row0, quad0);
            thread.Barrier();
            for (var quad = thread.Index; quad < TileRows * across; quad += thread.Count)
            {
                var sums = shared[quad];
                for (var other = quad + (TileRows * across); other < TileRows * thread.Count; other += TileRows * across) sums += shared[other];
                arguments.Output.Store(row0 + (quad >> arguments.AcrossBits), quad0 + (quad & (across - 1)), sums);
            }

            thread.Barrier();
        }
    }

    /// <summary>The sums of this thread's part of k, <c>[part][row][quad]</c>. Neighbouring threads read a line of the weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<TRows, TCursor>(
        in FewRowsArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int row0, int quad0)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
    {
        var (rows, weight, columnQuads) = (arguments.X, arguments.Weight, arguments.Output.Y.ColumnQuads);
        var across = 1 << arguments.AcrossBits;
        var (part, place) = (thread.Index >> arguments.AcrossBits, thread.Index & (across - 1));
        var column = IntrinsicMath.Min(quad0 + place, columnQuads - 1);
        Quad top = default, bottom = default;
        for (var k = part * 4; k < rows.Inputs; k += thread.Count >> arguments.AcrossBits << 2)
        {
            var line = (k * columnQuads) + column;
            var w = new Quad(weight[line], weight[line + columnQuads], weight[line + (2 * columnQuads)], weight[line + (3 * columnQuads)]);
            w.AddProduct(ref top.Row0, rows.Read(rows.At(row0, k)));
            w.AddProduct(ref top.Row1, rows.Read(rows.At(row0 + 1, k)));
            w.AddProduct(ref top.Row2, rows.Read(rows.At(row0 + 2, k)));
            w.AddProduct(ref top.Row3, rows.Read(rows.At(row0 + 3, k)));
            w.AddProduct(ref bottom.Row0, rows.Read(rows.At(row0 + 4, k)));
            w.AddProduct(ref bottom.Row1, rows.Read(rows.At(row0 + 5, k)));
            w.AddProduct(ref bottom.Row2, rows.Read(rows.At(row0 + 6, k)));
            w.AddProduct(ref bottom.Row3, rows.Read(rows.At(row0 + 7, k)));
        }

        var target = (part * TileRows * across) + place;
        shared[target] = top.Row0;
        shared[target + across] = top.Row1;
        shared[target + (2 * across)] = top.Row2;
        shared[target + (3 * across)] = top.Row3;
        shared[target + (4 * across)] = bottom.Row0;
        shared[target + (5 * across)] = bottom.Row1;
        shared[target + (6 * across)] = bottom.Row2;
        shared[target + (7 * across)] = bottom.Row3;
    }
}
