using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Where the tokens of a row of windows lie, for kernels.</summary>
/// <param name="Height">Rows of the image.</param>
/// <param name="Width">Tokens of a row.</param>
/// <param name="Window">Edge of a window.</param>
/// <param name="Across">Windows of a row.</param>
/// <param name="Top">First row of the image in these windows.</param>
/// <param name="Step">2 where queries are pooled, otherwise 1.</param>
internal readonly record struct WindowPlaces(int Height, int Width, int Window, int Across, int Top, int Step)
{
    /// <summary>Tokens of a window.</summary>
    public int Keys => Window * Window;

    /// <summary>Queries of a window.</summary>
    public int Queries => Window / Step * (Window / Step);

    /// <summary>The token of the image at a place in a window; -1 for padding.</summary>
    public int Token(int window, int place)
    {
        var (row, column) = (Top + (place / Window), (window * Window) + (place % Window));
        return row < Height & column < Width ? (row * Width) + column : -1;
    }

    /// <summary>The place of a query's first token.</summary>
    public int Corner(int query) => (query / (Window / Step) * Step * Window) + (query % (Window / Step) * Step);

    /// <summary>The row of the result that belongs to a query's first token.</summary>
    public int Output(int token) => (token / Width / Step * (Width / Step)) + (token % Width / Step);
}

/// <summary>Tokens to windows and gradients back, on a GPU: a thread moves one channel of one token, and no token lies in two windows.</summary>
internal static class WindowAttentionGradientGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<GatherArguments> GatherKernel = new(GatherWindows, Threads);
    public static readonly GpuKernel<ScatterArguments> ScatterKernel = new(ScatterWindows, Threads);

    /// <summary>Arguments of <see cref="GatherWindows"/>: tokens, and the rows of windows they become.</summary>
    public readonly record struct GatherArguments(
        RowView Qkv, ArrayView<float> Padding, RowView Dy, RowView Q, RowView K, RowView V, RowView WindowDy, WindowPlaces Places);

    /// <summary>Arguments of <see cref="ScatterWindows"/>: gradients of windows, and where they go; absent results have no rows.</summary>
    public readonly record struct ScatterArguments(
        RowView Q, RowView K, RowView V, RowView Qkv, RowView Dqkv, RowView Shares, WindowPlaces Places);

    public static void Gather(
        IlgpuDevice device, Tensor qkv, Tensor padding, Tensor dy, in WindowBand values, Tensor windowDy, in WindowGrid grid, int band) =>
        Launch(device, GatherKernel, values.K.Length, new GatherArguments(
            device.Rows(qkv), device.View(padding), device.Rows(dy), device.Rows(values.Q), device.Rows(values.K), device.Rows(values.V),
            device.Rows(windowDy), Places(grid, band)));

    public static void Scatter(
        IlgpuDevice device, in WindowBand gradients, Tensor qkv, Tensor dqkv, Tensor shares, in WindowGrid grid, int band) =>
        Launch(device, ScatterKernel, gradients.K.Length, new ScatterArguments(
            device.Rows(gradients.Q), device.Rows(gradients.K), device.Rows(gradients.V), device.Rows(qkv),
            dqkv.IsEmpty ? default : device.Rows(dqkv), shares.IsEmpty ? default : device.Rows(shares), Places(grid, band)));

    internal static void GatherWindows(GatherArguments arguments)
    {
        var (places, channels) = (arguments.Places, arguments.K.Columns);
        var (thread, threads) = ((Grid.IdxX * Group.DimX) + Group.IdxX, Grid.DimX * Group.DimX);
        for (var e = thread; e < arguments.K.Rows * channels; e += threads)
        {
            var (row, c) = (e / channels, e % channels);
            var token = places.Token(row / places.Keys, row % places.Keys);
            arguments.K[row, c] = Value(arguments, token, channels + c);
            arguments.V[row, c] = Value(arguments, token, (2 * channels) + c);
        }

        for (var e = thread; e < arguments.Q.Rows * channels; e += threads)
        {
            var (row, c) = (e / channels, e % channels);
            var token = places.Token(row / places.Queries, places.Corner(row % places.Queries));
            var value = Value(arguments, token, c);
            if (places.Step == 2 & token >= 0)
            {
                value = SimtMath.Max(value, arguments.Qkv[token + 1, c]);
                value = SimtMath.Max(value, arguments.Qkv[token + places.Width, c]);
                value = SimtMath.Max(value, arguments.Qkv[token + places.Width + 1, c]);
            }

            arguments.Q[row, c] = value;
            arguments.WindowDy[row, c] = token < 0 ? 0f : arguments.Dy[places.Output(token), c];
        }
    }

    internal static void ScatterWindows(ScatterArguments arguments)
    {
        var (places, channels) = (arguments.Places, arguments.K.Columns);
        var (thread, threads) = ((Grid.IdxX * Group.DimX) + Group.IdxX, Grid.DimX * Group.DimX);
        for (var e = thread; arguments.Dqkv.Rows > 0 & e < arguments.K.Rows * channels; e += threads)
        {
            var (row, c) = (e / channels, e % channels);
            var token = places.Token(row / places.Keys, row % places.Keys);
            if (token < 0) continue;
            arguments.Dqkv[token, channels + c] += arguments.K[row, c];
            arguments.Dqkv[token, (2 * channels) + c] += arguments.V[row, c];
        }

        for (var e = thread; arguments.Dqkv.Rows > 0 & e < arguments.Q.Rows * channels; e += threads)
        {
            var (row, c) = (e / channels, e % channels);
            var token = places.Token(row / places.Queries, places.Corner(row % places.Queries));
            if (token < 0) continue;
            if (places.Step == 2) token = Largest(arguments, token, c);
            arguments.Dqkv[token, c] += arguments.Q[row, c];
        }

        for (var e = thread; e < arguments.Shares.Rows * channels; e += threads)
        {
            var (window, c) = (e / channels, e % channels);
            float k = 0, v = 0;
            for (var place = 0; place < places.Keys; place++)
            {
                if (places.Token(window, place) >= 0) continue;
                k += arguments.K[(window * places.Keys) + place, c];
                v += arguments.V[(window * places.Keys) + place, c];
            }

            arguments.Shares[window, channels + c] += k;
            arguments.Shares[window, (2 * channels) + c] += v;
        }
    }

    private static float Value(GatherArguments arguments, int token, int column) =>
        token < 0 ? arguments.Padding[column] : arguments.Qkv[token, column];

    /// <summary>The first of the largest of four tokens.</summary>
    private static int Largest(ScatterArguments arguments, int token, int column)
    {
        var width = arguments.Places.Width;
        var best = token;
        if (arguments.Qkv[token + 1, column] > arguments.Qkv[best, column]) best = token + 1;
        if (arguments.Qkv[token + width, column] > arguments.Qkv[best, column]) best = token + width;
        if (arguments.Qkv[token + width + 1, column] > arguments.Qkv[best, column]) best = token + width + 1;
        return best;
    }

    private static WindowPlaces Places(in WindowGrid grid, int band) =>
        new(grid.Height, grid.Width, grid.Window, grid.Across, band * grid.Window, grid.PoolQueries ? 2 : 1);

    private static void Launch<TArguments>(IlgpuDevice device, GpuKernel<TArguments> kernel, long elements, TArguments arguments)
        where TArguments : struct
    {
        var threads = device.GroupSize(kernel);
        device.Launch(kernel, GroupThread.Groups(device, checked((int)((elements + threads - 1) / threads))), threads, 0, arguments);
    }
}
