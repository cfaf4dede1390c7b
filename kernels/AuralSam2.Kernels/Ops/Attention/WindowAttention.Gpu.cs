using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>Windowed attention on a GPU.</summary>
internal static class WindowAttentionGpu
{
    public static readonly GpuKernel<FlashArguments<WindowMap>> Narrow = FlashWidth.Narrow.Kernel<WindowMap>(WindowAttend64);
    public static readonly GpuKernel<FlashArguments<WindowMap>> Medium = FlashWidth.Medium.Kernel<WindowMap>(WindowAttend96);
    public static readonly GpuKernel<FlashArguments<WindowMap>> Wide = FlashWidth.Wide.Kernel<WindowMap>(WindowAttend256);
    public static readonly GpuKernel<CombineArguments<WindowMap>> Combine = new(WindowAttendCombine, FlashCombine.Threads, FlashCombine.Threads * FlashCombine.SharedFloats);

    private static readonly FlashKernels<WindowMap> Kernels = new(Narrow, Medium, Wide, Combine);

    public static void Run(IlgpuDevice device, Tensor qkv, Tensor padding, Tensor y, WindowGrid grid)
    {
        if (y.Rows == 0) return;
        var (pool, channels) = (grid.PoolQueries ? 2 : 1, y.Columns);
        var map = new WindowMap(grid.Height, grid.Width, grid.Window, pool, grid.Across);
        var shape = new FlashShape(
            grid.Across * grid.Down, grid.Heads, map.QueryEdge * map.QueryEdge, grid.Window * grid.Window, channels / grid.Heads, pool * pool);
        Kernels.Run(
            device, (qkv.SliceColumns(0, channels), qkv.SliceColumns(channels, channels), qkv.SliceColumns(2 * channels, channels), y), padding,
            map, shape, linearScale: null);
    }

    internal static void WindowAttend64(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendNarrow();

    internal static void WindowAttend96(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendMedium();

    internal static void WindowAttend256(FlashArguments<WindowMap> arguments) => new FlashGroup<WindowMap>(arguments).AttendWide();

    internal static void WindowAttendCombine(CombineArguments<WindowMap> arguments) => FlashCombine.Run(arguments);
}

/// <summary>Tokens of a window.</summary>
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
