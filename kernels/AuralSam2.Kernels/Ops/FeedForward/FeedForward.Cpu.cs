namespace AuralSam2.Kernels.Ops;

/// <summary>The fused feed-forward on the CPU: four products and a norm per block of rows, all operands in the second-level cache.</summary>
internal static unsafe class FeedForwardCpu
{
    public static void Run(CpuDevice device, Tensor x, FeedForwardWeights weights, Tensor attention)
    {
        var projection = weights.Projection is { } matrix ? CpuPackedMatrix.For(device, matrix) : null;
        var expand = CpuPackedMatrix.For(device, weights.Expand);
        var contract = CpuPackedMatrix.For(device, weights.Contract);
        var channels = x.Columns;
        var hidden = expand.Outputs;
        var tail = Math.Max(GemmCpu.TailFloats(expand), GemmCpu.TailFloats(contract));
        if (projection is not null) tail = Math.Max(tail, GemmCpu.TailFloats(projection));
        var blockRows = BlockRows(x.Rows, device.Threads);
        device.Pool.For((x.Rows + blockRows - 1) / blockRows, (item, worker) =>
        {
            var first = item * blockRows;
            var rows = Math.Min(blockRows, x.Rows - first);
            var stream = x.Pointer + ((nint)first * x.RowStride);
            var scratch = device.Scratch(worker, tail + ((nint)blockRows * (channels + hidden)));
            var normalised = scratch + tail;
            var expanded = normalised + ((nint)blockRows * channels);
            var residual = new GemmCpu.Epilogue { Residual = stream, StrideResidual = x.RowStride };
            if (projection is not null)
                GemmCpu.Block(
                    device.Isa, projection, rows, attention.Pointer + ((nint)first * attention.RowStride), attention.RowStride,
                    stream, x.RowStride, residual, scratch);
            LayerNormCpu.Rows(device.Isa, rows, channels, stream, x.RowStride, null, 0, weights.Norm, normalised, channels);
            GemmCpu.Block(
                device.Isa, expand, rows, normalised, channels, expanded, hidden,
                new GemmCpu.Epilogue { Activation = weights.Activation }, scratch);
            GemmCpu.Block(device.Isa, contract, rows, expanded, hidden, stream, x.RowStride, residual, scratch);
        });
    }

    /// <summary>Full blocks when there are enough of them for all threads; otherwise smaller ones, whole tiles high.</summary>
    private static int BlockRows(int rows, int threads) =>
        rows >= 2 * threads * GemmCpu.BlockRows ? GemmCpu.BlockRows : Math.Clamp(((rows / threads) + 7) & ~7, 8, GemmCpu.BlockRows);
}
