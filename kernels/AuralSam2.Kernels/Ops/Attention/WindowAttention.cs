namespace AuralSam2.Kernels.Ops;

/// <summary>Where the windows of an image lie.</summary>
/// <param name="Height">Rows of the image, in tokens.</param>
/// <param name="Width">Tokens of a row.</param>
/// <param name="Window">Edge of a window; windows that reach over the border see padding tokens there.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="PoolQueries">Whether queries are max-pooled 2 x 2 within their window, which halves the image (Hiera's q-pool).</param>
public readonly record struct WindowGrid(int Height, int Width, int Window, int Heads, bool PoolQueries)
{
    /// <summary>Windows across.</summary>
    public int Across => (Width + Window - 1) / Window;

    /// <summary>Windows down.</summary>
    public int Down => (Height + Window - 1) / Window;

    /// <summary>Rows of the result.</summary>
    public int OutputHeight => PoolQueries ? Height / 2 : Height;

    /// <summary>Tokens of a row of the result.</summary>
    public int OutputWidth => PoolQueries ? Width / 2 : Width;
}

/// <summary>
/// Hiera's attention within windows, straight from the fused qkv of the whole image. Window partition, padding, q-pool and head split are
/// index arithmetic: nothing is copied, and padding tokens are one row (the qkv of a zero token, that is the bias) shared by all.
/// </summary>
public static class WindowAttention
{
    /// <summary>Runs attention in every window.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="qkv"><c>[height * width, 3 * channels]</c>: q, k, v of every token, heads within each.</param>
    /// <param name="padding"><c>[3 * channels]</c>: q, k, v of a padding token.</param>
    /// <param name="y"><c>[output height * output width, channels]</c>.</param>
    /// <param name="grid">Image, window and heads.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or pooled queries with an odd image or window.</exception>
    public static void Forward(Device device, Tensor qkv, Tensor padding, Tensor y, in WindowGrid grid)
    {
        var g = grid;
        OpArguments.Require(
            g.Window > 0 && g.Heads > 0 && qkv.Rows == g.Height * g.Width && qkv.Columns % (3 * g.Heads) == 0,
            "WindowAttention", $"qkv {qkv} for {g}");
        OpArguments.Require(padding.Length == qkv.Columns, "WindowAttention", $"padding {padding} for qkv {qkv}");
        OpArguments.Require(y.Rows == g.OutputHeight * g.OutputWidth && 3 * y.Columns == qkv.Columns, "WindowAttention", $"y {y} for qkv {qkv}, {g}");
        OpArguments.Require(
            !g.PoolQueries || (g.Height % 2 == 0 && g.Width % 2 == 0 && g.Window % 2 == 0),
            "WindowAttention", $"pooled queries need even sizes: {g}");
        var record = device.Recording("WindowAttention", y, [qkv, padding]);
        if (record is null)
        {
            Run(device, qkv, padding, y, g);
            return;
        }

        var (wantsQkv, wantsPadding) = (record.Wants(qkv), record.Wants(padding));
        Tensor savedQkv = record.Save(qkv), savedPadding = record.Save(padding);
        Run(device, qkv, padding, y, g);
        record.Commit(y, () => WindowAttentionGradient.Run(
            device, record.Gradient(y), savedQkv, savedPadding, wantsQkv ? record.Gradient(qkv) : default,
            wantsPadding ? record.Gradient(padding) : default, g));
    }

    private static void Run(Device device, Tensor qkv, Tensor padding, Tensor y, in WindowGrid grid)
    {
        var g = grid;
        var keys = (double)g.Window * g.Window;
        var queries = g.Across * g.Down * (g.PoolQueries ? keys / 4 : keys);
        using var timing = device.Time(
            "WindowAttention", Attention.Flops(queries, keys, y.Columns, y.Columns), 4.0 * (qkv.Length + y.Length),
            $"q {queries} k {keys} h {g.Heads} d {y.Columns / g.Heads}");
        switch (device)
        {
            case CpuDevice cpu: WindowAttentionCpu.Run(cpu, qkv, padding, y, g); break;
            case IlgpuDevice gpu: WindowAttentionGpu.Run(gpu, qkv, padding, y, g); break;
            default: throw device.Unsupported("WindowAttention");
        }
    }
}
