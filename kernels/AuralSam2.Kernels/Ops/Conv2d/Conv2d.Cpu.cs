namespace AuralSam2.Kernels.Ops;

/// <summary>Implicit GEMM on the CPU: the patches of a block of output pixels are gathered into scratch, then multiplied.</summary>
internal static unsafe class Conv2dCpu
{
    /// <summary>A block's patches take at most this many floats, about half of the second-level cache.</summary>
    private const int PatchFloats = 144 << 10;

    public static void Run(CpuDevice device, Tensor x, ConvWeights weights, Tensor y, Activation activation, Tensor residual)
    {
        var matrix = CpuPackedMatrix.For(device, weights.Matrix);
        var inputs = matrix.Inputs;
        var blockRows = Math.Clamp(PatchFloats / inputs & ~7, 16, GemmCpu.BlockRows);
        if (!residual.IsEmpty && residual.Rows < y.Rows)
            while (residual.Rows % blockRows != 0) blockRows--; // a residual that repeats must not wrap within a block
        device.Pool.For((y.Rows + blockRows - 1) / blockRows, (item, worker) =>
        {
            var first = item * blockRows;
            var count = Math.Min(blockRows, y.Rows - first);
            var tail = GemmCpu.TailFloats(matrix);
            var scratch = device.Scratch(worker, tail + ((nint)blockRows * inputs));
            var patches = scratch + tail;
            Gather(x, weights, y.Shape[^3], y.Shape[^2], first, count, patches);
            var epilogue = new GemmCpu.Epilogue
            {
                Activation = activation,
                Residual = residual.IsEmpty ? null : residual.Pointer + ((nint)(first % residual.Rows) * residual.RowStride),
                StrideResidual = residual.IsEmpty ? 0 : residual.RowStride,
            };
            GemmCpu.Block(device.Isa, matrix, count, patches, inputs, y.Pointer + ((nint)first * y.RowStride), y.RowStride, epilogue, scratch);
        });
    }

    /// <summary>Writes the patch of each output pixel, <c>[kernel row, kernel column, channel]</c>, zero outside the image.</summary>
    private static void Gather(Tensor x, ConvWeights w, int outputHeight, int outputWidth, int first, int count, float* patches)
    {
        var (height, width, channels, kernel) = (x.Shape[^3], x.Shape[^2], w.Channels, w.Kernel);
        var line = kernel * channels;
        for (var i = 0; i < count; i++)
        {
            var pixel = first + i;
            var image = pixel / (outputHeight * outputWidth);
            var top = (pixel / outputWidth % outputHeight * w.Stride) - w.Padding;
            var left = (pixel % outputWidth * w.Stride) - w.Padding;
            var (from, to) = (Math.Max(0, -left), Math.Min(kernel, width - left)); // kernel columns inside the image
            var origin = x.Pointer + ((nint)image * height * width * channels);
            for (var ky = 0; ky < kernel; ky++, patches += line)
            {
                var target = new Span<float>(patches, line);
                var row = top + ky;
                if ((uint)row >= (uint)height || from >= to)
                {
                    target.Clear();
                    continue;
                }

                var source = origin + ((((nint)row * width) + left + from) * channels);
                target[..(from * channels)].Clear();
                new ReadOnlySpan<float>(source, (to - from) * channels).CopyTo(target[(from * channels)..]);
                target[(to * channels)..].Clear();
            }
        }
    }
}
