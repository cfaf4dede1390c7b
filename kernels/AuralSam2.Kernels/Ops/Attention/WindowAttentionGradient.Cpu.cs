namespace AuralSam2.Kernels.Ops;

/// <summary>Tokens to windows and gradients back, on the CPU: a window is an item, and no token lies in two of them.</summary>
internal static unsafe class WindowAttentionGradientCpu
{
    public static void Gather(
        CpuDevice device, Tensor qkv, Tensor padding, Tensor dy, in WindowBand values, Tensor windowDy, in WindowGrid grid, int band)
    {
        var (g, to, channels) = (grid, values, dy.Columns);
        var keys = g.Window * g.Window;
        device.Pool.For(g.Across, (window, _) =>
        {
            var tokens = stackalloc float*[keys];
            for (var i = 0; i < keys; i++)
            {
                var token = Token(g, band, window, i);
                tokens[i] = token < 0 ? padding.Pointer : qkv.Pointer + (token * qkv.RowStride);
                var row = (((nint)window * keys) + i) * channels;
                Copy(channels, tokens[i] + channels, to.K.Pointer + row);
                Copy(channels, tokens[i] + (2 * channels), to.V.Pointer + row);
            }

            for (var i = 0; i < to.Q.Shape[1]; i++)
            {
                var row = (((nint)window * to.Q.Shape[1]) + i) * channels;
                var corner = Corner(g, i);
                if (g.PoolQueries)
                    MaxPool2x2Cpu.Maximum(
                        device.Isa, channels, tokens[corner], tokens[corner + 1], tokens[corner + g.Window], tokens[corner + g.Window + 1],
                        to.Q.Pointer + row);
                else Copy(channels, tokens[i], to.Q.Pointer + row);

                var output = Output(g, Token(g, band, window, corner));
                if (output < 0) new Span<float>(windowDy.Pointer + row, channels).Clear();
                else Copy(channels, dy.Pointer + (output * dy.RowStride), windowDy.Pointer + row);
            }
        });
    }

    /// <summary>Padding tokens leave what they owe in their window's row of <paramref name="shares"/>.</summary>
    public static void Scatter(
        CpuDevice device, in WindowBand gradients, Tensor qkv, Tensor dqkv, Tensor shares, in WindowGrid grid, int band)
    {
        var (g, from, channels) = (grid, gradients, gradients.Q.Columns);
        var keys = g.Window * g.Window;
        device.Pool.For(g.Across, (window, _) =>
        {
            for (var i = 0; i < keys; i++)
            {
                var token = Token(g, band, window, i);
                var target = token >= 0 ? Row(dqkv, token) : Row(shares, window);
                if (target == null) continue;
                var row = (((nint)window * keys) + i) * channels;
                Add(device.Isa, channels, from.K.Pointer + row, target + channels);
                Add(device.Isa, channels, from.V.Pointer + row, target + (2 * channels));
            }

            // The results of padding queries are dropped: they owe nothing.
            for (var i = 0; i < from.Q.Shape[1] && !dqkv.IsEmpty; i++)
            {
                var token = Token(g, band, window, Corner(g, i));
                if (token < 0) continue;
                var dq = from.Q.Pointer + ((((nint)window * from.Q.Shape[1]) + i) * channels);
                if (g.PoolQueries) AddToLargest(channels, dq, Row(qkv, token), qkv.RowStride, Row(dqkv, token), dqkv.RowStride, g.Width);
                else Add(device.Isa, channels, dq, Row(dqkv, token));
            }
        });
    }

    /// <summary>Each channel's gradient goes to the first of the largest of the four tokens.</summary>
    private static void AddToLargest(int channels, float* dq, float* q, nint strideQ, float* target, nint stride, int width)
    {
        for (var c = 0; c < channels; c++)
        {
            var best = 0;
            for (var corner = 1; corner < 4; corner++)
                if (q[(Below(corner, width) * strideQ) + c] > q[(Below(best, width) * strideQ) + c]) best = corner;
            target[(Below(best, width) * stride) + c] += dq[c];
        }
    }

    /// <summary>Tokens from the first corner of a 2 x 2 square to another.</summary>
    private static nint Below(int corner, int width) => (corner / 2 * width) + (corner % 2);

    /// <summary>The first token of a query in its window.</summary>
    private static int Corner(in WindowGrid grid, int query) =>
        grid.PoolQueries ? (query / (grid.Window / 2) * 2 * grid.Window) + (query % (grid.Window / 2) * 2) : query;

    /// <summary>The token of the image at a place in a window; -1 for padding.</summary>
    private static nint Token(in WindowGrid grid, int band, int window, int place)
    {
        var (row, column) = ((band * grid.Window) + (place / grid.Window), (window * grid.Window) + (place % grid.Window));
        return row < grid.Height && column < grid.Width ? ((nint)row * grid.Width) + column : -1;
    }

    /// <summary>The row of the result that belongs to a query's first token.</summary>
    private static nint Output(in WindowGrid grid, nint token) =>
        token < 0 || !grid.PoolQueries ? token : (token / grid.Width / 2 * grid.OutputWidth) + (token % grid.Width / 2);

    private static float* Row(Tensor tensor, nint row) => tensor.IsEmpty ? null : tensor.Pointer + (row * tensor.RowStride);

    private static void Copy(int n, float* from, float* to) => new ReadOnlySpan<float>(from, n).CopyTo(new Span<float>(to, n));

    private static void Add(CpuIsa isa, int n, float* from, float* to) => ElementwiseCpu.AddRow(isa, n, to, from, to, 1f);
}
