namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of windowed attention: windows become the sequences of a batch, a row of windows at a time; their attention runs again for
/// its result and log-sums, then backwards; and what tokens owe goes back to their places. The shares of all padding tokens are one sum.
/// </summary>
/// <remarks>A 2 x 2 maximum hands its gradient to the first of its largest, as the q-pool's own gradient does.</remarks>
internal static class WindowAttentionGradient
{
    /// <summary>Adds the gradients that are wanted.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="dy">Gradient of y.</param>
    /// <param name="qkv"><c>[height * width, 3 * channels]</c>, as it was.</param>
    /// <param name="padding"><c>[3 * channels]</c>, as it was.</param>
    /// <param name="dqkv">Added to; empty: not wanted.</param>
    /// <param name="dpadding">Added to; empty: not wanted.</param>
    /// <param name="grid">Image, window and heads.</param>
    public static void Run(Device device, Tensor dy, Tensor qkv, Tensor padding, Tensor dqkv, Tensor dpadding, in WindowGrid grid)
    {
        var (channels, windows, keys) = (dy.Columns, grid.Across, grid.Window * grid.Window);
        var queries = grid.PoolQueries ? keys / 4 : keys;
        for (var band = 0; band < grid.Down; band++)
        {
            using var scope = device.Scope();
            Tensor OfQueries() => device.Rent(windows, queries, channels);
            Tensor OfKeys() => device.Rent(windows, keys, channels);
            var values = new WindowBand(OfQueries(), OfKeys(), OfKeys(), OfQueries());
            var gradients = new WindowBand(OfQueries(), OfKeys(), OfKeys(), OfQueries());
            device.FillCore(gradients.Q, 0);
            device.FillCore(gradients.K, 0);
            device.FillCore(gradients.V, 0);
            Gather(device, qkv, padding, dy, values, gradients.Y, grid, band);
            var logSums = device.Rent(windows * grid.Heads, queries);
            Attention.Run(device, values.Q, values.K, values.V, values.Y, grid.Heads, logSums: logSums);
            var operands = new AttentionGradientOperands(
                gradients.Y, values.Q, values.K, values.V, values.Y, logSums, gradients.Q, gradients.K, gradients.V, grid.Heads);
            AttentionGradient.Run(device, "WindowAttention", operands);
            var shares = dpadding.IsEmpty ? default : device.Rent(windows, 3 * channels);
            if (!dpadding.IsEmpty) device.FillCore(shares, 0);
            Scatter(device, gradients, qkv, dqkv, shares, grid, band);
            if (!dpadding.IsEmpty) RowSum.Run(device, shares, dpadding.Reshape(1, 3 * channels));
        }
    }

    private static void Gather(
        Device device, Tensor qkv, Tensor padding, Tensor dy, in WindowBand values, Tensor windowDy, in WindowGrid grid, int band)
    {
        using var timing = device.Time("WindowAttention.Gather", 0, 8.0 * ((3 * values.K.Length) + windowDy.Length), $"{values.K.Shape}");
        switch (device)
        {
            case CpuDevice cpu: WindowAttentionGradientCpu.Gather(cpu, qkv, padding, dy, values, windowDy, grid, band); break;
            case IlgpuDevice gpu: WindowAttentionGradientGpu.Gather(gpu, qkv, padding, dy, values, windowDy, grid, band); break;
            default: throw device.Unsupported("WindowAttention.Gradient");
        }
    }

    private static void Scatter(
        Device device, in WindowBand gradients, Tensor qkv, Tensor dqkv, Tensor shares, in WindowGrid grid, int band)
    {
        using var timing = device.Time("WindowAttention.Scatter", 0, 12.0 * 3 * gradients.K.Length, $"{gradients.K.Shape}");
        switch (device)
        {
            case CpuDevice cpu: WindowAttentionGradientCpu.Scatter(cpu, gradients, qkv, dqkv, shares, grid, band); break;
            case IlgpuDevice gpu: WindowAttentionGradientGpu.Scatter(gpu, gradients, qkv, dqkv, shares, grid, band); break;
            default: throw device.Unsupported("WindowAttention.Gradient");
        }
    }
}

/// <summary>The tokens of a row of windows: values, or their gradients.</summary>
/// <param name="Q"><c>[windows, queries, channels]</c>, pooled where queries are.</param>
/// <param name="K"><c>[windows, keys, channels]</c>.</param>
/// <param name="V"><c>[windows, keys, channels]</c>.</param>
/// <param name="Y"><c>[windows, queries, channels]</c>.</param>
internal readonly record struct WindowBand(Tensor Q, Tensor K, Tensor V, Tensor Y);
