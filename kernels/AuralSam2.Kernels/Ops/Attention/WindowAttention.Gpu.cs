using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Windowed attention on a GPU: a group takes a block of queries of one head of one window. Partition, padding, q-pool and head split are
/// in the rows from which it stages.
/// </summary>
internal static class WindowAttentionGpu
{
    public static readonly GpuKernel<FlashArguments<WindowMap>> Narrow = FlashWidth.Narrow.Kernel<WindowMap>(WindowAttend64);
    public static readonly GpuKernel<FlashArguments<WindowMap>> Medium = FlashWidth.Medium.Kernel<WindowMap>(WindowAttend96);
    public static readonly GpuKernel<FlashArguments<WindowMap>> Wide = FlashWidth.Wide.Kernel<WindowMap>(WindowAttend256);
    public static readonly GpuKernel<CombineArguments<WindowMap>> Combine = FlashCombine.Kernel<WindowMap>(WindowAttendCombine);

    private static readonly FlashKernels<WindowMap> Kernels = new(Narrow, Medium, Wide, Combine);

    public static void Run(IlgpuDevice device, Tensor qkv, Tensor padding, Tensor y, WindowGrid grid)
    {
        if (y.Rows == 0) return;
        var (pool, channels) = (grid.PoolQueries ? 2 : 1, y.Columns);
        var map = new WindowMap(grid.Height, grid.Width, grid.Window, pool, grid.Across);
        var (queries, keys) = (map.QueryEdge * map.QueryEdge, grid.Window * grid.Window);
        var headDim = channels / grid.Heads;
        var shape = new FlashShape(grid.Across * grid.Down, grid.Heads, queries, keys, headDim, headDim, pool * pool);
        Tensor Part(int part) => qkv.SliceColumns(part * channels, channels);
        Kernels.Run(device, (Part(0), Part(1), Part(2), y), padding, map, shape, linearScale: null);
    }

    internal static void WindowAttend64(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendNarrow();

    internal static void WindowAttend96(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendMedium();

    internal static void WindowAttend256(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendWide();

    internal static void WindowAttendCombine(CombineArguments<WindowMap> arguments) => FlashCombine.Run(arguments);
}

/// <summary>Tokens of windows, row by row.</summary>
/// <param name="Height">Rows of the image, in tokens.</param>
/// <param name="Width">Tokens of a row.</param>
/// <param name="Window">Edge of a window.</param>
/// <param name="Pool">Edge of the squares whose maximum is a query: 1 or 2.</param>
/// <param name="Across">Windows across.</param>
internal readonly record struct WindowMap(int Height, int Width, int Window, int Pool, int Across) : ITokenMap
{
    public static bool HasPadding => true;

    /// <summary>Edge of a window in queries.</summary>
    public int QueryEdge => Window / Pool;

    public int Query(int window, int query, int corner) =>
        Token(window, (query / QueryEdge * Pool) + (corner / 2), (query % QueryEdge * Pool) + (corner % 2));

    public int Key(int window, int key) => Token(window, key / Window, key % Window);

    public int Output(int window, int query)
    {
        var (row, column) = ((window / Across * QueryEdge) + (query / QueryEdge), (window % Across * QueryEdge) + (query % QueryEdge));
        return row < Height / Pool && column < Width / Pool ? (row * (Width / Pool)) + column : -1;
    }

    private int Token(int window, int row, int column)
    {
        var (y, x) = ((window / Across * Window) + row, (window % Across * Window) + column);
        return y < Height && x < Width ? (y * Width) + x : -1;
    }
}
