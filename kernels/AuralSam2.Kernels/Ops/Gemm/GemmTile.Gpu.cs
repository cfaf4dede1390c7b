using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// How the threads of a group share a tile of y: <c>down</c> x <c>across</c> threads with 8 x 8 sums each, and as many such grids as the sum
/// over k has parts. All are powers of two.
/// </summary>
/// <param name="DownBits">log2 of the threads below each other.</param>
/// <param name="AcrossBits">log2 of the threads abreast.</param>
/// <param name="PartBits">log2 of the parts.</param>
/// <param name="DepthBits">log2 of the inputs in a slice of k.</param>
/// <param name="Depth">Inputs in a slice of k.</param>
internal readonly record struct TileShape(int DownBits, int AcrossBits, int PartBits, int DepthBits, int Depth)
{
    /// <summary>Rows, and columns, of a thread.</summary>
    public const int Edge = 8;

    public int Down => 1 << DownBits;

    public int Across => 1 << AcrossBits;

    public int Parts => 1 << PartBits;

    public int Rows => Edge << DownBits;

    public int Columns => Edge << AcrossBits;

    /// <summary>Quads of x in a slice: <see cref="Depth"/> / 4 of each row.</summary>
    public int XQuads => Rows << (DepthBits - 2);

    /// <summary>Quads of the weight in a slice: <see cref="Columns"/> / 4 of each input.</summary>
    public int WeightQuads => (Columns / 4) << DepthBits;
}

/// <summary>The sums of one thread: 8 x 8, as four quads half a tile apart.</summary>
internal struct TileSums
{
    public Quad TopLeft;
    public Quad TopRight;
    public Quad BottomLeft;
    public Quad BottomRight;

    /// <summary>Adds the outer product of one column of x and one row of the weight: four quads read, 64 multiply-adds.</summary>
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

    public readonly Quad Quarter(int quarter) => quarter < 2 ? quarter == 0 ? TopLeft : TopRight : quarter == 2 ? BottomLeft : BottomRight;
}

/// <summary>How many inputs a thread multiplies between two barriers: written out, because ILGPU unrolls no loops.</summary>
internal interface ISteps
{
    static abstract int Bits { get; }

    static abstract void Run(ref TileSums sums, ArrayView<Float4> x, ArrayView<Float4> weight);
}

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

/// <summary>Arguments of a kernel that multiplies rows by a weight, tile by tile.</summary>
internal readonly record struct GemmArguments<TRows>(
    TRows X, ArrayView<Float4> Weight, int LastWeight, int WeightSlice, GemmOutput Output, TileShape Tile, int Tiles, int TilesAcross, int Rest)
    where TRows : struct;

internal static class SimtGemmTile
{
    /// <summary>Quads between the two halves of a tile in shared memory: those of the largest tile.</summary>
    public const int HalfTile = 16;

    /// <summary>Quads from one input of x to the next.</summary>
    public const int XStride = (2 * HalfTile) + 1;

    public const int WeightStride = 2 * HalfTile;

    public static int SharedFloats(TileShape tile) => 4 * Math.Max(2 * tile.Depth * (XStride + WeightStride), 4 * tile.Down * tile.Across * tile.Parts);

    public static void Multiply<TRows, TCursor, TSteps>(in GemmArguments<TRows> arguments)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TSteps : struct, ISteps
    {
        var shared = SharedMemory.GetDynamic<Float4>();
        var thread = GroupThread.Current;
        var groups = Grid.DimX;
        for (var tile = Grid.IdxX; tile < arguments.Tiles; tile += groups)
        {
            MultiplyTile<TRows, TCursor, TSteps>(in arguments, shared, thread, tile);
            thread.Barrier();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTile<TRows, TCursor, TSteps>(in GemmArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int index)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TSteps : struct, ISteps
    {
        var (tile, rows, weight) = (arguments.Tile, arguments.X, arguments.Weight);
        var scalars = shared.Cast<float>();
        var columnQuads = arguments.Output.ColumnQuads;
        var row0 = index / arguments.TilesAcross * tile.Rows;
        var quad0 = index % arguments.TilesAcross * (tile.Columns / 4);

        var (xQuad, weightQuad) = (thread.Index & (tile.XQuads - 1), thread.Index & (tile.WeightQuads - 1));
        var (xTarget, weightTarget) = (XTarget(tile, xQuad), WeightTarget(tile, weightQuad));
        var xCursor = rows.At(row0 + XRow(tile, xQuad), XInput(tile, xQuad));
        var weightCursor = WeightQuad(tile, weightQuad, 0, quad0, columnQuads);
        var xNext = rows.Read(xCursor);
        var weightNext = weight[weightCursor];

        var place = Place(tile, thread.Index);
        var x = (place.Part * XStride << TSteps.Bits) + place.Down;
        var w = (tile.Depth * XStride) + (place.Part * WeightStride << TSteps.Bits) + place.Across;
        TileSums sums = default;
        var toOther = tile.Depth * (XStride + WeightStride);
        for (var k = 0; k < rows.Inputs; k += tile.Depth)
        {
            StoreX(scalars, xTarget, xNext);
            shared[weightTarget] = weightNext;
            if (arguments.Rest != 0) StageRest<TRows, TCursor>(in arguments, shared, thread, weightTarget - WeightTarget(tile, weightQuad), row0, quad0, k);
            thread.Barrier();
            xCursor = rows.Skip(xCursor, tile.Depth);
            xNext = rows.Read(xCursor);
            weightCursor += arguments.WeightSlice;
            weightNext = weight[IntrinsicMath.Min(weightCursor, arguments.LastWeight)];
            MultiplySlice<TSteps>(ref sums, shared, x, w);
            xTarget += toOther * 4;
            weightTarget += toOther;
            x += toOther;
            w += toOther;
            toOther = -toOther;
        }

        for (var quarter = 0; quarter < 4; quarter++)
        {
            thread.Barrier();
            StoreQuarter(shared, sums.Quarter(quarter), tile, place);
            thread.Barrier();
            Finish(in arguments, shared, thread, row0 + (quarter / 2 * 4 * tile.Down), quad0 + (quarter % 2 * tile.Across));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreQuarter(ArrayView<Float4> shared, Quad sums, TileShape tile, ThreadPlace place)
    {
        var at = (place.Part * 4 * tile.Down * tile.Across) + (place.Down * 4 * tile.Across) + place.Across;
        shared[at] = sums.Row0;
        shared[at + tile.Across] = sums.Row1;
        shared[at + (2 * tile.Across)] = sums.Row2;
        shared[at + (3 * tile.Across)] = sums.Row3;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish<TRows>(in GemmArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int row0, int quad0)
        where TRows : struct
    {
        var tile = arguments.Tile;
        var quads = 4 * tile.Down * tile.Across;
        for (var e = thread.Index; e < quads; e += thread.Count)
        {
            var sum = shared[e];
            for (var part = 1; part < tile.Parts; part++) sum += shared[(part * quads) + e];
            arguments.Output.Store(row0 + (e >> tile.AcrossBits), quad0 + (e & (tile.Across - 1)), sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplySlice<TSteps>(ref TileSums sums, ArrayView<Float4> shared, int x, int weight)
        where TSteps : struct, ISteps =>
        TSteps.Run(ref sums, shared.SubView(x), shared.SubView(weight));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StageRest<TRows, TCursor>(
        in GemmArguments<TRows> arguments, ArrayView<Float4> shared, GroupThread thread, int buffer, int row0, int quad0, int k)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
    {
        var (tile, rows, weight, columnQuads) = (arguments.Tile, arguments.X, arguments.Weight, arguments.Output.ColumnQuads);
        var scalars = shared.Cast<float>();
        for (var e = thread.Index + thread.Count; e < tile.XQuads; e += thread.Count)
            StoreX(scalars, (buffer * 4) + XTarget(tile, e), rows.Read(rows.At(row0 + XRow(tile, e), k + XInput(tile, e))));
        for (var e = thread.Index + thread.Count; e < tile.WeightQuads; e += thread.Count)
            shared[buffer + WeightTarget(tile, e)] = weight[WeightQuad(tile, e, k, quad0, columnQuads)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreX(ArrayView<float> scalars, int target, Float4 x)
    {
        var column = scalars.SubView(target);
        column[0] = x.X;
        column[4 * XStride] = x.Y;
        column[8 * XStride] = x.Z;
        column[12 * XStride] = x.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XRow(TileShape tile, int quad) => quad >> (tile.DepthBits - 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XInput(TileShape tile, int quad) => (quad & ((tile.Depth / 4) - 1)) * 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int XTarget(TileShape tile, int quad)
    {
        var row = XRow(tile, quad);
        return (XInput(tile, quad) * XStride * 4) + (InHalves(row >> 2, tile.DownBits) * 4) + (row & 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WeightTarget(TileShape tile, int quad) =>
        (tile.Depth * XStride) + ((quad >> (tile.AcrossBits + 1)) * WeightStride) +
        InHalves(quad & ((2 * tile.Across) - 1), tile.AcrossBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WeightQuad(TileShape tile, int quad, int k, int quad0, int columnQuads) =>
        ((k + (quad >> (tile.AcrossBits + 1))) * columnQuads) +
        IntrinsicMath.Min(quad0 + (quad & ((2 * tile.Across) - 1)), columnQuads - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int InHalves(int quad, int halfBits) => ((quad >> halfBits) * HalfTile) + (quad & ((1 << halfBits) - 1));

    public readonly record struct ThreadPlace(int Part, int Down, int Across);

    public static ThreadPlace Place(TileShape tile, int thread)
    {
        var part = thread >> (tile.DownBits + tile.AcrossBits);
        thread &= (1 << (tile.DownBits + tile.AcrossBits)) - 1;
        return tile.AcrossBits < 4
            ? new(part, thread >> tile.AcrossBits, thread & (tile.Across - 1))
            : new(part, ((thread >> 3) & 3) | ((thread >> 6) << 2), (thread & 7) | ((thread >> 2) & 8));
    }
}
