using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// How the threads of a group share a tile of y: a grid of <c>down</c> x <c>across</c> threads with 8 x 8 sums each, and as many such grids as
/// the sum over k has parts. All are powers of two.
/// </summary>
/// <param name="downBits">log2 of the threads below each other.</param>
/// <param name="acrossBits">log2 of the threads abreast.</param>
/// <param name="partBits">log2 of the parts.</param>
/// <param name="stepBits">log2 of the inputs that a part multiplies between two barriers.</param>
internal readonly struct TileShape(int downBits, int acrossBits, int partBits, int stepBits)
{
    /// <summary>Rows, and columns, that one thread sums.</summary>
    private const int Edge = 8;

    public readonly int DownBits = downBits;
    public readonly int AcrossBits = acrossBits;
    public readonly int PartBits = partBits;

    /// <summary>log2 of the quads that a slice has of one row of x.</summary>
    public readonly int QuadBits = stepBits + partBits - 2;

    /// <summary>Inputs in a slice of k.</summary>
    public readonly int Depth = 1 << (stepBits + partBits);

    public int Down => 1 << DownBits;

    public int Across => 1 << AcrossBits;

    public int Parts => 1 << PartBits;

    public int Rows => Edge << DownBits;

    public int Columns => Edge << AcrossBits;

    /// <summary>Quads of x in a slice.</summary>
    public int XQuads => Rows << QuadBits;

    /// <summary>Quads of the weight in a slice.</summary>
    public int WeightQuads => Columns << QuadBits;

    /// <summary>Where a thread stands. A warp stands 4 x 8 where the tile is large enough: its reads of x and of the weight meet 4 and 8 quads.</summary>
    public (int Part, int Down, int Across) Place(int thread)
    {
        var part = thread >> (DownBits + AcrossBits);
        var place = thread & ((1 << (DownBits + AcrossBits)) - 1);
        return AcrossBits < 4
            ? (part, place >> AcrossBits, place & (Across - 1))
            : (part, ((place >> 3) & 3) | (place >> 6 << 2), (place & 7) | ((place >> 2) & 8));
    }
}

/// <summary>The sums of one thread: 8 x 8, as four quads half a tile apart, so that neighbouring threads read neighbouring quads.</summary>
internal struct TileSums
{
    public Quad TopLeft;
    public Quad TopRight;
    public Quad BottomLeft;
    public Quad BottomRight;

    /// <summary>Adds the outer product of a column of x and a row of the weight: four quads read, 64 multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Step(ArrayView<Float4> x, ArrayView<Float4> weight, int k)
    {
        Float4 top = x[k * SimtGemmTile.XStride], bottom = x[(k * SimtGemmTile.XStride) + SimtGemmTile.HalfTile];
        Float4 left = weight[k * SimtGemmTile.WeightStride], right = weight[(k * SimtGemmTile.WeightStride) + SimtGemmTile.HalfTile];
        TopLeft.AccumulateOuter(top, left);
        TopRight.AccumulateOuter(top, right);
        BottomLeft.AccumulateOuter(bottom, left);
        BottomRight.AccumulateOuter(bottom, right);
    }

    /// <summary>The quads one by one: upper half first, from left to right.</summary>
    public readonly Quad Quarter(int quarter) =>
        quarter < 2 ? (quarter == 0 ? TopLeft : TopRight) : (quarter == 2 ? BottomLeft : BottomRight);
}

/// <summary>The steps of a thread between two barriers, written out: ILGPU unrolls no loops.</summary>
internal interface ISteps
{
    static abstract int Bits { get; }

    static abstract void Run(ref TileSums sums, ArrayView<Float4> x, ArrayView<Float4> weight);
}

/// <summary>Four steps, for tiles whose k is shared out in parts.</summary>
internal readonly struct FourSteps : ISteps
{
    public static int Bits => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(ref TileSums sums, ArrayView<Float4> x, ArrayView<Float4> weight)
    {
        sums.Step(x, weight, 0);
        sums.Step(x, weight, 1);
        sums.Step(x, weight, 2);
        sums.Step(x, weight, 3);
    }
}

/// <summary>Eight steps: the most that two groups of 256 threads have registers for.</summary>
internal readonly struct EightSteps : ISteps
{
    public static int Bits => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(ref TileSums sums, ArrayView<Float4> x, ArrayView<Float4> weight)
    {
        sums.Step(x, weight, 0);
        sums.Step(x, weight, 1);
        sums.Step(x, weight, 2);
        sums.Step(x, weight, 3);
        sums.Step(x, weight, 4);
        sums.Step(x, weight, 5);
        sums.Step(x, weight, 6);
        sums.Step(x, weight, 7);
    }
}

/// <summary>Arguments of the kernels that multiply tile by tile.</summary>
/// <param name="X">The left operand.</param>
/// <param name="Weight"><c>[inputs, column quads]</c>, zeros to the end of the last slice.</param>
/// <param name="Output">What happens to the sums.</param>
/// <param name="Tile">How a group works.</param>
/// <param name="Tiles">All tiles of y.</param>
/// <param name="TilesAcross">Tiles in a row of tiles.</param>
/// <param name="WeightSlice">Quads from one slice of the weight to the next.</param>
/// <param name="Rest">1 where a thread stages more than a quad of each operand, else 0.</param>
internal readonly record struct TileArguments<TRows>(
    TRows X, ArrayView<Float4> Weight, GemmOutput Output, TileShape Tile, int Tiles, int TilesAcross, int WeightSlice, int Rest)
    where TRows : struct;

/// <summary>
/// Matrix products, tile by tile. Slices of x and of the weight pass through two buffers in turn, one barrier per slice; each thread holds
/// its quad of the next slice in registers while it multiplies this one.
/// </summary>
internal static class SimtGemmTile
{
    /// <summary>Quads from the upper (left) half of a tile to the lower (right) one in shared memory: fixed, so that a step's addresses are too.</summary>
    public const int HalfTile = 16;

    /// <summary>Quads from one input of x to the next: one more than it needs, so that threads that store along k meet different banks.</summary>
    public const int XStride = (2 * HalfTile) + 1;

    /// <summary>Quads from one input of the weight to the next.</summary>
    public const int WeightStride = 2 * HalfTile;

    /// <summary>Largest shared memory of a launch: slices of 16 inputs.</summary>
    public const int MaxSharedFloats = 4 * 2 * 16 * (XStride + WeightStride);

    /// <summary>Two slices, or a quarter of all sums: whichever is larger.</summary>
    public static int SharedFloats(in TileShape tile) =>
        4 * Math.Max(2 * tile.Depth * (XStride + WeightStride), 4 * tile.Down * tile.Across * tile.Parts);

    /// <summary>The body of a kernel: the tiles of one group.</summary>
    public static void Multiply<TRows, TCursor, TSteps>(in TileArguments<TRows> arguments)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TSteps : struct, ISteps
    {
        var shared = SharedQuads.Get();
        var (thread, groups) = (GroupThread.Current, Grid.DimX);
        for (var index = Grid.IdxX; index < arguments.Tiles; index += groups)
        {
            MultiplyTile<TRows, TCursor, TSteps>(in arguments, shared, thread, index);
            thread.Barrier(); // before the next tile overwrites the last sums of this one
        }
    }

    /// <summary>One tile. What changes from slice to slice is kept and added to: ILGPU moves everything else into the loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTile<TRows, TCursor, TSteps>(
        in TileArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int index)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TSteps : struct, ISteps
    {
        var (tile, rows, weight) = (arguments.Tile, arguments.X, arguments.Weight);
        var (scalars, lastWeight) = (shared.Cast<float>(), weight.IntLength - 1);
        var (row0, quad0) = (index / arguments.TilesAcross * tile.Rows, index % arguments.TilesAcross * (tile.Columns >> 2));

        // Threads beyond the quads of a slice stage what others stage as well.
        var (xQuad, weightQuad) = (thread.Index & (tile.XQuads - 1), thread.Index & (tile.WeightQuads - 1));
        var xCursor = rows.At(row0 + XRow(tile, xQuad), XInput(tile, xQuad));
        var weightCursor = WeightSource(tile, weightQuad, quad0, arguments.Output.Y.ColumnQuads);
        var (xNext, weightNext) = (rows.Read(xCursor), weight[weightCursor]);
        var (xTarget, weightTarget) = (XTarget(tile, XRow(tile, xQuad), XInput(tile, xQuad)), WeightTarget(tile, weightQuad));

        var (part, down, across) = tile.Place(thread.Index);
        var (x, w) = ((part * XStride << TSteps.Bits) + down, (tile.Depth * XStride) + (part * WeightStride << TSteps.Bits) + across);
        var (buffer, toOther) = (0, tile.Depth * (XStride + WeightStride));
        TileSums sums = default;
        for (var k = 0; k < rows.Inputs; k += tile.Depth)
        {
            StoreX(scalars, xTarget, xNext);
            shared[weightTarget] = weightNext;
            if (arguments.Rest != 0) StageRest<TRows, TCursor>(in arguments, shared, thread, buffer, row0, quad0, k);
            thread.Barrier();
            // On their way while this slice is multiplied. Behind the last slice they are read again and not used.
            xCursor = rows.Skip(xCursor, tile.Depth);
            weightCursor += arguments.WeightSlice;
            (xNext, weightNext) = (rows.Read(xCursor), weight[IntrinsicMath.Min(weightCursor, lastWeight)]);
            MultiplySlice<TSteps>(ref sums, shared, x, w);
            (x, w, xTarget, weightTarget) = (x + toOther, w + toOther, xTarget + (toOther * 4), weightTarget + toOther);
            (buffer, toOther) = (buffer + toOther, -toOther);
        }

        // Quarters of the tile leave through shared memory: parts meet there, and stores are coalesced however threads stand.
        for (var quarter = 0; quarter < 4; quarter++)
        {
            thread.Barrier();
            ShareQuarter(shared, sums.Quarter(quarter), tile, ((((part << tile.DownBits) + down) * 4) << tile.AcrossBits) + across);
            thread.Barrier();
            StoreQuarter(in arguments, shared, thread, row0 + (quarter >> 1 << (tile.DownBits + 2)), quad0 + ((quarter & 1) << tile.AcrossBits));
        }
    }

    /// <summary>A method of its own, for the emulator: the .NET compiler keeps few variables in registers in a long method.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplySlice<TSteps>(ref TileSums sums, ArrayView<Float4> shared, int x, int weight)
        where TSteps : struct, ISteps =>
        TSteps.Run(ref sums, shared.SubView(x), shared.SubView(weight));

    /// <summary>What a thread stages beyond its first quads, in groups smaller than the kernel's own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StageRest<TRows, TCursor>(
        in TileArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int buffer, int row0, int quad0, int k)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
    {
        var (tile, rows, weight, columnQuads) = (arguments.Tile, arguments.X, arguments.Weight, arguments.Output.Y.ColumnQuads);
        var scalars = shared.Cast<float>();
        var (firstRow, firstInput) = (XRow(tile, thread.Index), XInput(tile, thread.Index));
        var rowStep = IntrinsicMath.Max(1, thread.Count >> tile.QuadBits);
        for (var input = firstInput; input < tile.Depth; input += thread.Count * 4)
        {
            var row = input == firstInput ? firstRow + rowStep : firstRow;
            var cursor = rows.At(row0 + row, k + input);
            for (; row < tile.Rows; row += rowStep)
            {
                StoreX(scalars, (buffer * 4) + XTarget(tile, row, input), rows.Read(cursor));
                cursor = rows.Down(cursor, row0 + row, rowStep);
            }
        }

        for (var quad = thread.Index + thread.Count; quad < tile.WeightQuads; quad += thread.Count)
            shared[buffer + WeightTarget(tile, quad)] = weight[(k * columnQuads) + WeightSource(tile, quad, quad0, columnQuads)];
    }

    private static void ShareQuarter(ArrayView<Float4> shared, Quad sums, TileShape tile, int target)
    {
        shared[target] = sums.Row0;
        shared[target + tile.Across] = sums.Row1;
        shared[target + (2 * tile.Across)] = sums.Row2;
        shared[target + (3 * tile.Across)] = sums.Row3;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreQuarter<TRows>(
        in TileArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int row0, int quad0)
        where TRows : struct
    {
        var tile = arguments.Tile;
        var quads = 4 << (tile.DownBits + tile.AcrossBits);
        for (var quad = thread.Index; quad < quads; quad += thread.Count)
        {
            var sums = shared[quad];
            for (var part = 1; part < tile.Parts; part++) sums += shared[(part * quads) + quad];
            arguments.Output.Store(row0 + (quad >> tile.AcrossBits), quad0 + (quad & (tile.Across - 1)), sums);
        }
    }

    /// <summary>Four inputs of one row go to four columns of the slice.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreX(ArrayView<float> scalars, int target, Float4 x)
    {
        var columns = scalars.SubView(target);
        columns[0] = x.X;
        columns[4 * XStride] = x.Y;
        columns[8 * XStride] = x.Z;
        columns[12 * XStride] = x.W;
    }

    /// <summary>Neighbouring threads read neighbouring quads of a row of x, as far as a slice has any.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XRow(in TileShape tile, int quad) => quad >> tile.QuadBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XInput(in TileShape tile, int quad) => (quad & ((1 << tile.QuadBits) - 1)) * 4;

    /// <summary>Where the first of four inputs goes, in floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XTarget(in TileShape tile, int row, int input) =>
        (4 * ((input * XStride) + InHalves(row >> 2, tile.DownBits))) + (row & 3);

    /// <summary>A quad of the first slice, behind the last column the last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WeightSource(in TileShape tile, int quad, int quad0, int columnQuads)
    {
        var column = quad0 + (quad & ((2 << tile.AcrossBits) - 1));
        return ((quad >> (tile.AcrossBits + 1)) * columnQuads) + IntrinsicMath.Min(column, columnQuads - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WeightTarget(in TileShape tile, int quad)
    {
        var input = quad >> (tile.AcrossBits + 1);
        return (tile.Depth * XStride) + (input * WeightStride) + InHalves(quad & ((2 << tile.AcrossBits) - 1), tile.AcrossBits);
    }

    /// <summary>The halves of a tile lie where those of the largest tile do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int InHalves(int quad, int halfBits) => ((quad >> halfBits) * HalfTile) + (quad & ((1 << halfBits) - 1));
}
