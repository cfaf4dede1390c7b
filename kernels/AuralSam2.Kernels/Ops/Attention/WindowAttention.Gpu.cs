using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Windowed attention on a GPU: a group takes one window, one head and one block of queries. Partition, padding, q-pool and head split happen
/// in the addresses from which it stages.
/// </summary>
internal static class WindowAttentionGpu
{
    private const int Threads = 128;

    public static readonly GpuKernel<Arguments> Kernel = new(WindowAttend, Threads, GpuKernel.SharedLimit);

    /// <summary>Arguments of <see cref="WindowAttend"/>.</summary>
    /// <param name="Qkv"><c>[height * width, 3 * channels]</c>.</param>
    /// <param name="Padding"><c>[3 * channels]</c>.</param>
    /// <param name="Y"><c>[output height * output width, channels]</c>.</param>
    /// <param name="Grid">Image, window and heads.</param>
    /// <param name="Tile">Blocks of queries and keys.</param>
    /// <param name="QueryBlocks">Blocks of queries in a window.</param>
    /// <param name="Scale">Factor of the scores: 1 / sqrt(d).</param>
    public readonly record struct Arguments(
        RowView Qkv, ArrayView<float> Padding, RowView Y, GridArguments Grid, SimtFlashTile Tile, int QueryBlocks, float Scale);

    /// <summary>A <see cref="WindowGrid"/> without its bool, which kernels cannot take.</summary>
    public readonly record struct GridArguments(int Height, int Width, int Window, int Heads, int Pool, int Across)
    {
        /// <summary>Edge of a window in queries.</summary>
        public int QueryEdge => Window / Pool;

        /// <summary>Keys of a window.</summary>
        public int Keys => Window * Window;
    }

    /// <summary>Where a group works: its window's corner in the image, the first channel of its head, its first query in the window.</summary>
    private readonly record struct Place(int Top, int Left, int Channel, int Query);

    /// <summary>A token of the image, or the padding token.</summary>
    private readonly record struct Token(int Row, bool Inside);

    public static void Run(IlgpuDevice device, Tensor qkv, Tensor padding, Tensor y, WindowGrid grid)
    {
        var pool = grid.PoolQueries ? 2 : 1;
        var queries = grid.Window / pool * (grid.Window / pool);
        var headDim = y.Columns / grid.Heads;
        var tile = SimtFlashTile.For(headDim, queries, grid.Window * grid.Window);
        var queryBlocks = (queries + tile.Queries - 1) / tile.Queries;
        var arguments = new Arguments(
            device.Rows(qkv), device.View(padding), device.Rows(y),
            new GridArguments(grid.Height, grid.Width, grid.Window, grid.Heads, pool, grid.Across), tile, queryBlocks, 1f / MathF.Sqrt(headDim));
        device.Launch(Kernel, (long)grid.Across * grid.Down * grid.Heads * queryBlocks, device.GroupSize(Kernel), tile.SharedFloats, arguments);
    }

    internal static void WindowAttend(Arguments arguments)
    {
        var (grid, tile) = (arguments.Grid, arguments.Tile);
        var quads = SharedMemory.GetDynamic<Float4>();
        var scalars = quads.Cast<float>();
        var place = PlaceOf(arguments, ILGPU.Grid.IdxX);
        tile.Clear(scalars);
        StageQueries(arguments, scalars, place);
        for (var key0 = 0; key0 < grid.Keys; key0 += tile.Keys)
        {
            StageKeys(arguments, scalars, place, key0);
            Group.Barrier();
            tile.Score(quads);
            Group.Barrier();
            StageValues(arguments, scalars, place, key0); // over the keys, which are done with
            tile.Weigh(scalars, IntrinsicMath.Min(tile.Keys, grid.Keys - key0));
            Group.Barrier();
            tile.Accumulate(quads, scalars);
            Group.Barrier();
        }

        Store(arguments, scalars, place);
    }

    /// <summary>Queries, scaled, as <c>[d][queries]</c>; with a pool the maxima of 2 x 2 tokens.</summary>
    private static void StageQueries(Arguments arguments, ArrayView<float> shared, Place place)
    {
        var (grid, tile) = (arguments.Grid, arguments.Tile);
        var lanes = IntrinsicMath.Min(Group.DimX, LaneSum.MaxLanes);
        for (var q = Group.IdxX / lanes; q < tile.Queries; q += Group.DimX / lanes)
        {
            var (row, column) = ((place.Query + q) / grid.QueryEdge * grid.Pool, (place.Query + q) % grid.QueryEdge * grid.Pool);
            var token = TokenAt(grid, place, row, column);
            for (var c = Group.IdxX % lanes; c < tile.HeadDim; c += lanes)
            {
                var value = Read(arguments, token, place.Channel + c);
                if (grid.Pool == 2)
                {
                    var right = Read(arguments, TokenAt(grid, place, row, column + 1), place.Channel + c);
                    var below = Read(arguments, TokenAt(grid, place, row + 1, column), place.Channel + c);
                    var across = Read(arguments, TokenAt(grid, place, row + 1, column + 1), place.Channel + c);
                    value = SimtMath.Max(SimtMath.Max(value, right), SimtMath.Max(below, across));
                }

                shared[(c * tile.QueryStride) + q] = value * arguments.Scale;
            }
        }
    }

    /// <summary>A block of keys as <c>[d][keys]</c>.</summary>
    private static void StageKeys(Arguments arguments, ArrayView<float> shared, Place place, int key0)
    {
        var (grid, tile) = (arguments.Grid, arguments.Tile);
        var lanes = IntrinsicMath.Min(Group.DimX, LaneSum.MaxLanes);
        var channel = arguments.Y.Columns + place.Channel;
        for (var k = Group.IdxX / lanes; k < tile.Keys; k += Group.DimX / lanes)
        {
            var token = TokenAt(grid, place, (key0 + k) / grid.Window, (key0 + k) % grid.Window);
            for (var c = Group.IdxX % lanes; c < tile.HeadDim; c += lanes)
                shared[tile.KeysAt + (c * tile.KeyStride) + k] = Read(arguments, token, channel + c);
        }
    }

    /// <summary>
    /// A block of values as <c>[keys][d]</c>; zeros to the end of the last quad. Keys beyond the window get the padding token and no
    /// weight.
    /// </summary>
    private static void StageValues(Arguments arguments, ArrayView<float> shared, Place place, int key0)
    {
        var (grid, tile) = (arguments.Grid, arguments.Tile);
        var lanes = IntrinsicMath.Min(Group.DimX, LaneSum.MaxLanes);
        var channel = (2 * arguments.Y.Columns) + place.Channel;
        for (var k = Group.IdxX / lanes; k < tile.Keys; k += Group.DimX / lanes)
        {
            var token = TokenAt(grid, place, (key0 + k) / grid.Window, (key0 + k) % grid.Window);
            for (var c = Group.IdxX % lanes; c < tile.ValueStride; c += lanes)
                shared[tile.KeysAt + (k * tile.ValueStride) + c] = c < tile.HeadDim ? Read(arguments, token, channel + c) : 0f;
        }
    }

    /// <summary>Results go to their place in the image; those of padding tokens are dropped.</summary>
    private static void Store(Arguments arguments, ArrayView<float> shared, Place place)
    {
        var (grid, tile) = (arguments.Grid, arguments.Tile);
        var lanes = IntrinsicMath.Min(Group.DimX, LaneSum.MaxLanes);
        var (height, width) = (grid.Height / grid.Pool, grid.Width / grid.Pool);
        for (var q = Group.IdxX / lanes; q < tile.Queries; q += Group.DimX / lanes)
        {
            var query = place.Query + q;
            var (row, column) = ((place.Top / grid.Pool) + (query / grid.QueryEdge), (place.Left / grid.Pool) + (query % grid.QueryEdge));
            if (query >= grid.QueryEdge * grid.QueryEdge || row >= height || column >= width) continue;
            var normaliser = tile.Normaliser(shared, q);
            for (var c = Group.IdxX % lanes; c < tile.HeadDim; c += lanes)
                arguments.Y[(row * width) + column, place.Channel + c] = tile.Output(shared, q, c) * normaliser;
        }
    }

    private static Place PlaceOf(Arguments arguments, int group)
    {
        var grid = arguments.Grid;
        var query = group % arguments.QueryBlocks * arguments.Tile.Queries;
        group /= arguments.QueryBlocks;
        var channel = group % grid.Heads * arguments.Tile.HeadDim;
        var window = group / grid.Heads;
        return new Place(window / grid.Across * grid.Window, window % grid.Across * grid.Window, channel, query);
    }

    /// <summary>The token at a place in the window; outside of the image or beyond the window's last row it is the padding token.</summary>
    private static Token TokenAt(GridArguments grid, Place place, int row, int column)
    {
        var (y, x) = (place.Top + row, place.Left + column);
        return new Token((y * grid.Width) + x, row < grid.Window && y < grid.Height && x < grid.Width);
    }

    private static float Read(Arguments arguments, Token token, int channel) =>
        token.Inside ? arguments.Qkv[token.Row, channel] : arguments.Padding[channel];
}
