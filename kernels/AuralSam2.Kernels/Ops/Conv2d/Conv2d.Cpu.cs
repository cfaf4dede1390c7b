using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Convolution on the CPU without gathered patches: under a row of the kernel, a pixel's patch is one stretch of the channel-last image, so
/// a tile of neighbouring output pixels reads the image in place. Only a window of it is copied, with zeros where it leaves the image.
/// </summary>
internal static unsafe class Conv2dCpu
{
    /// <summary>A block's window takes at most this many floats, about half of the second-level cache.</summary>
    private const int WindowFloats = 128 << 10;

    /// <summary>A block's outputs are about this many floats: they are still in the cache when the next panel or stretch of k comes.</summary>
    private const int OutputFloats = 48 << 10;

    /// <summary>Longest stretch of k that one tile runs: beyond it a panel falls out of the second-level cache between tiles.</summary>
    private const int BlockK = 1536;

    /// <summary>Floats of the largest tile: 8 rows of 3 vectors of 16, rounded up.</summary>
    private const int TileFloats = 8 * 64;

    /// <summary>
    /// Neighbouring output pixels that are computed as the outputs of one, so that few output channels still fill a vector: 4 channels of
    /// 4 pixels are 16 lanes.
    /// </summary>
    public static int PixelsInVector(CpuDevice device, int outputs) => Math.Max(1, device.Isa.Lanes() / outputs);

    /// <summary>
    /// The weight of <paramref name="pixels"/> neighbouring output pixels as outputs of one wider kernel: each pixel's kernel stands a stride
    /// further right, with zeros around it.
    /// </summary>
    /// <param name="device">Where it will run.</param>
    /// <param name="weight"><c>[outputs, kernel row, kernel column, channel]</c>.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="bias"><c>[outputs]</c>, or empty.</param>
    /// <param name="kernel">Edge of the kernel.</param>
    /// <param name="stride">Step.</param>
    /// <param name="pixels">Neighbours.</param>
    public static CpuPackedMatrix Widen(
        CpuDevice device, ReadOnlySpan<float> weight, int outputs, ReadOnlySpan<float> bias, int kernel, int stride, int pixels)
    {
        var line = weight.Length / (outputs * kernel);
        var channels = line / kernel;
        var wideLine = line + ((pixels - 1) * stride * channels);
        var wide = new float[pixels * outputs * kernel * wideLine];
        var wideBias = new float[bias.Length * pixels];
        for (var p = 0; p < pixels; p++)
        {
            bias.CopyTo(wideBias.AsSpan(p * bias.Length));
            for (var row = 0; row < outputs * kernel; row++)
            {
                var target = (((p * outputs * kernel) + row) * wideLine) + (p * stride * channels);
                weight.Slice(row * line, line).CopyTo(wide.AsSpan(target));
            }
        }

        return new CpuPackedMatrix(device, wide, pixels * outputs, wideBias);
    }

    public static void Run(CpuDevice device, Tensor x, ConvWeights weights, Tensor y, Activation activation, Tensor residual)
    {
        // Pixels can be taken together where they are neighbours in memory.
        var together = weights.Widened is { } wide && y.IsDense && (residual.IsEmpty || residual.IsDense) ? wide.Outputs / weights.Outputs : 1;
        if (y.Shape[^2] % together != 0) together = 1;
        var job = new Job(device, x, weights, y, activation, residual, together);
        device.Pool.For(job.Blocks, (item, worker) =>
        {
            var scratch = device.Scratch(worker, (2 * TileFloats) + job.WindowLength);
            switch (device.Isa)
            {
                case CpuIsa.Avx512: job.Block<Simd512, Vector512<float>>(item, scratch); break;
                case CpuIsa.Avx2: job.Block<Simd256, Vector256<float>>(item, scratch); break;
                default: job.Block<Simd128, Vector128<float>>(item, scratch); break;
            }
        });
    }

    /// <summary>One convolution, cut into blocks of output pixels.</summary>
    private sealed class Job
    {
        private readonly CpuIsa isa;
        private readonly CpuPackedMatrix matrix;
        private readonly Tensor x;
        private readonly Tensor y;
        private readonly Tensor residual;
        private readonly Activation activation;
        private readonly int height;
        private readonly int width;
        private readonly int channels;
        private readonly int kernel;
        private readonly int padding;
        private readonly int stepDown;
        private readonly int stepRight;
        private readonly int outputHeight;
        private readonly int outputWidth;
        private readonly int line;
        private readonly int blockRows;
        private readonly int blockColumns;
        private readonly int blocksDown;
        private readonly int blocksRight;
        private readonly int pitch;
        private readonly int together;
        private readonly nint strideY;
        private readonly nint strideResidual;

        public Job(CpuDevice device, Tensor x, ConvWeights weights, Tensor y, Activation activation, Tensor residual, int together)
        {
            (isa, this.x, this.y, this.activation, this.residual, this.together) = (device.Isa, x, y, activation, residual, together);
            matrix = CpuPackedMatrix.For(device, together > 1 ? weights.Widened! : weights.Matrix);
            (height, width, channels, kernel, padding) = (x.Shape[^3], x.Shape[^2], weights.Channels, weights.Kernel, weights.Padding);
            (stepDown, stepRight) = (weights.Stride, weights.Stride * together);
            (outputHeight, outputWidth) = (y.Shape[^3], y.Shape[^2] / together);
            line = matrix.Inputs / kernel;
            strideY = (nint)y.RowStride * together;
            strideResidual = residual.IsEmpty ? 0 : (nint)residual.RowStride * together;

            // A block is as wide as its window allows, in whole tiles, and then as high, as long as every thread gets several.
            var images = y.Rows / Math.Max(1, y.Shape[^3] * y.Shape[^2]);
            const int tile = 8;
            var mostColumns = (((WindowFloats / kernel) - line) / (stepRight * channels)) + 1;
            blockColumns = Math.Clamp(mostColumns / tile * tile, tile, (outputWidth + tile - 1) / tile * tile);
            blocksRight = (outputWidth + blockColumns - 1) / blockColumns;
            pitch = ((blockColumns - 1) * stepRight * channels) + line;
            var mostRows = Math.Max(1, (((WindowFloats / pitch) - kernel) / stepDown) + 1);
            mostRows = Math.Clamp(OutputFloats / (blockColumns * matrix.Outputs), 1, mostRows);
            mostRows = Math.Clamp(images * outputHeight / (4 * device.Threads), 1, mostRows);
            blocksDown = (outputHeight + mostRows - 1) / mostRows;
            blockRows = (outputHeight + blocksDown - 1) / Math.Max(1, blocksDown);
            Blocks = images * blocksDown * blocksRight;
            WindowLength = (((nint)(blockRows - 1) * stepDown) + kernel) * pitch;
        }

        /// <summary>Blocks of all images.</summary>
        public int Blocks { get; }

        /// <summary>Floats of a block's window.</summary>
        public nint WindowLength { get; }

        /// <summary>Computes a block; the scratch holds one tile of y, one of the residual, and the window.</summary>
        public void Block<S, V>(int block, float* scratch)
            where S : struct, ISimd<V>
            where V : struct
        {
            var image = block / (blocksDown * blocksRight);
            var top = block / blocksRight % blocksDown * blockRows;
            var left = block % blocksRight * blockColumns;
            var (rows, columns) = (Math.Min(blockRows, outputHeight - top), Math.Min(blockColumns, outputWidth - left));
            if (rows <= 0) return;
            var window = scratch + (2 * TileFloats);
            var tiles = (columns + S.TileRows - 1) / S.TileRows;
            CopyWindow(image, top, left, ((rows - 1) * stepDown) + kernel, (((tiles * S.TileRows) - 1) * stepRight * channels) + line, window);

            var pixel = (((nint)image * outputHeight) + top) * outputWidth + left;
            var repeat = residual.IsEmpty ? 1 : residual.Rows / together;
            var linesAtOnce = Math.Max(1, BlockK / line);
            foreach (var panel in matrix.Panels)
            {
                var valid = Math.Min(panel.Vectors * S.Width, matrix.Outputs - panel.Column);
                for (var ky = 0; ky < kernel; ky += linesAtOnce)
                {
                    var operands = new GemmTile.Operands
                    {
                        StrideA = (nint)stepRight * channels,
                        K = line,
                        MoreLines = Math.Min(linesAtOnce, kernel - ky) - 1,
                        StrideLine = pitch,
                        B = matrix.Values(panel) + ((nint)ky * line * panel.Vectors * S.Width),
                        StrideB = panel.Vectors * S.Width,
                        Bias = ky == 0 ? matrix.PaddedBias + panel.Column : null,
                    };
                    for (var row = 0; row < rows; row++)
                    {
                        var first = pixel + ((nint)row * outputWidth);
                        var target = y.Pointer + (first * strideY) + panel.Column;
                        // The first stretch starts from bias and residual, the others from what is there.
                        var (start, strideStart) = ky > 0 ? ((nint)target, strideY)
                            : residual.IsEmpty ? (0, 0)
                            : ((nint)(residual.Pointer + (first % repeat * strideResidual) + panel.Column), strideResidual);
                        operands.A = window + ((((nint)row * stepDown) + ky) * pitch);
                        Row<S, V>(panel.Vectors, valid, columns, operands, target, (float*)start, strideStart, scratch);
                        if (ky + linesAtOnce >= kernel) ElementwiseCpu.Activate(isa, activation, columns, valid, target, strideY);
                    }
                }
            }
        }

        /// <summary>Tiles along a row of output pixels; one that is not whole goes through scratch, so that its padding is not stored.</summary>
        private void Row<S, V>(
            int vectors, int valid, int columns, GemmTile.Operands operands, float* target, float* start, nint strideStart, float* scratch)
            where S : struct, ISimd<V>
            where V : struct
        {
            for (var column = 0; column < columns; column += S.TileRows, operands.A += S.TileRows * operands.StrideA)
            {
                var c = target + (column * strideY);
                var from = start == null ? null : start + (column * strideStart);
                var count = Math.Min(S.TileRows, columns - column);
                if (count == S.TileRows && valid == vectors * S.Width)
                {
                    operands.C = c;
                    operands.StrideC = strideY;
                    operands.Residual = from;
                    operands.StrideResidual = strideStart;
                    if (column + (2 * S.TileRows) <= columns)
                    {
                        Prefetch(c + (S.TileRows * strideY), strideY, S.TileRows, valid);
                        if (from != null && from != c) Prefetch(from + (S.TileRows * strideStart), strideStart, S.TileRows, valid);
                    }

                    GemmTile.Run<S, V>(vectors, operands);
                    continue;
                }

                nint stride = vectors * S.Width;
                var partResidual = scratch + TileFloats;
                if (from != null) CopyRows(count, valid, from, strideStart, partResidual, stride);
                operands.C = scratch;
                operands.StrideC = stride;
                operands.Residual = from == null ? null : partResidual;
                operands.StrideResidual = stride;
                GemmTile.Run<S, V>(vectors, operands);
                CopyRows(count, valid, scratch, stride, c, strideY);
            }
        }

        /// <summary>Copies the part of an image that a block reads, zero outside the image.</summary>
        private void CopyWindow(int image, int top, int left, int lines, int length, float* window)
        {
            var origin = x.Pointer + ((nint)image * height * width * channels);
            var (firstLine, firstFloat) = ((top * stepDown) - padding, ((left * stepRight) - padding) * channels);
            var before = Math.Clamp(-firstFloat, 0, length);
            var inside = Math.Clamp((width * channels) - firstFloat, before, length) - before;
            for (var i = 0; i < lines; i++)
            {
                var target = new Span<float>(window + ((nint)i * pitch), length);
                if ((uint)(firstLine + i) >= (uint)height || inside == 0)
                {
                    target.Clear();
                    continue;
                }

                var source = origin + ((nint)(firstLine + i) * width * channels) + firstFloat + before;
                target[..before].Clear();
                new ReadOnlySpan<float>(source, inside).CopyTo(target[before..]);
                target[(before + inside)..].Clear();
            }
        }

        /// <summary>Asks for the next tile of y or of the residual: the sums of this tile cover the way from memory.</summary>
        private static void Prefetch(float* tile, nint stride, int rows, int columns)
        {
            if (!Sse.IsSupported) return;
            const int cacheLine = 64 / sizeof(float);
            for (var r = 0; r < rows; r++, tile += stride)
                for (var c = 0; c < columns; c += cacheLine) Sse.Prefetch0(tile + c);
        }

        private static void CopyRows(int rows, int columns, float* source, nint strideSource, float* target, nint strideTarget)
        {
            for (var r = 0; r < rows; r++)
                new ReadOnlySpan<float>(source + (r * strideSource), columns).CopyTo(new Span<float>(target + (r * strideTarget), columns));
        }
    }
}
