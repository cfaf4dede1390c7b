using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Depthwise convolution on the CPU: eight neighbouring pixels share every weight that is loaded. A strip of tiles runs down the image, so
/// that all but one of the lines under the kernel are in the cache already.
/// </summary>
internal static unsafe class DepthwiseConv2dCpu
{
    /// <summary>Pixels of a tile: eight sums at a time hide the latency of the multiply-adds.</summary>
    private const int TilePixels = 8;

    /// <summary>Rows of a strip that are one item: the lines around it, which its neighbours read as well, weigh little.</summary>
    private const int BandRows = 16;

    public static void Run(CpuDevice device, Tensor x, DepthwiseWeights weights, Tensor y, Activation activation)
    {
        var (height, width, channels) = (x.Shape[^3], x.Shape[^2], x.Columns);
        var images = x.Rows / Math.Max(1, height * width);
        var windowPixels = (nint)weights.Kernel * (TilePixels + weights.Kernel - 1);
        var strips = (width + TilePixels - 1) / TilePixels;
        var bandRows = Math.Clamp(images * height * strips / (8 * device.Threads), 1, BandRows);
        var bands = (height + bandRows - 1) / bandRows;
        device.Pool.For(images * bands * strips, (item, worker) =>
        {
            var (image, band, strip) = (item / (bands * strips), item / strips % bands, item % strips);
            var offset = (nint)image * height * width * channels;
            float* source = x.Pointer + offset, target = y.Pointer + offset;
            var scratch = device.Scratch(worker, (windowPixels + TilePixels) * channels);
            var left = strip * TilePixels;
            for (var row = band * bandRows; row < Math.Min(height, (band + 1) * bandRows); row++)
            {
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Pixels<Simd512, Vector512<float>>(source, height, width, channels, row, left, weights, target, scratch); break;
                    case CpuIsa.Avx2: Pixels<Simd256, Vector256<float>>(source, height, width, channels, row, left, weights, target, scratch); break;
                    default: Pixels<Simd128, Vector128<float>>(source, height, width, channels, row, left, weights, target, scratch); break;
                }

                var done = target + ((((nint)row * width) + left) * channels);
                ElementwiseCpu.Activate(device.Isa, activation, Math.Min(TilePixels, width - left), channels, done, channels);
            }
        });
    }

    /// <summary>The pixels of one tile in a row of an image.</summary>
    private static void Pixels<S, V>(
        float* image, int height, int width, int channels, int row, int left, in DepthwiseWeights weights, float* target, float* scratch)
        where S : struct, ISimd<V>
        where V : struct
    {
        var (kernel, half) = (weights.Kernel, weights.Kernel / 2);
        var (firstTap, lastTap) = (Math.Max(0, half - row), Math.Min(kernel, height + half - row)); // kernel rows inside the image
        var lines = image + ((nint)(row - half + firstTap) * width * channels);
        var taps = weights.Taps.Pointer + ((nint)firstTap * kernel * channels);
        var x = Math.Max(0, Math.Min(left, width - TilePixels)); // the last tile begins further left to be whole
        var source = lines + ((nint)(x - half) * channels);
        var strideRow = (nint)width * channels;
        if (x < half || x + TilePixels + half > width)
        {
            var windowWidth = TilePixels + kernel - 1;
            source = scratch + (TilePixels * channels);
            CopyWindow(lines, width, channels, x - half, windowWidth, lastTap - firstTap, source);
            strideRow = (nint)windowWidth * channels;
        }

        // Of a tile that had to move only the strip's own pixels are stored: the others belong to another thread.
        var pixels = target + ((((nint)row * width) + left) * channels);
        var count = Math.Min(TilePixels, width - left);
        var whole = count < TilePixels ? scratch : pixels;
        Tile<S, V>(source, strideRow, channels, lastTap - firstTap, kernel, taps, weights.Bias.Pointer, whole);
        if (count < TilePixels)
            new ReadOnlySpan<float>(scratch + ((left - x) * channels), count * channels).CopyTo(new Span<float>(pixels, count * channels));
    }

    /// <summary>Copies what a tile at the border reads, zero outside the image.</summary>
    private static void CopyWindow(float* lines, int width, int channels, int left, int windowWidth, int count, float* window)
    {
        var (before, end) = (Math.Max(0, -left), Math.Min(windowWidth, width - left));
        for (var i = 0; i < count; i++)
        {
            var target = new Span<float>(window + ((nint)i * windowWidth * channels), windowWidth * channels);
            var source = lines + ((((nint)i * width) + left + before) * channels);
            target[..(before * channels)].Clear();
            new ReadOnlySpan<float>(source, (end - before) * channels).CopyTo(target[(before * channels)..]);
            target[(end * channels)..].Clear();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<S, V>(
        float* source, nint strideRow, int channels, int kernelRows, int kernel, float* taps, float* bias, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint stride = channels;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            V a0 = S.Load(bias + c), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            var weight = taps + c;
            for (var ky = 0; ky < kernelRows; ky++)
            {
                float* p = source + (ky * strideRow) + c, q = p + (4 * stride);
                for (var kx = 0; kx < kernel; kx++, weight += stride, p += stride, q += stride)
                {
                    var w = S.Load(weight);
                    a0 = S.Fma(w, S.Load(p), a0);
                    a1 = S.Fma(w, S.Load(p + stride), a1);
                    a2 = S.Fma(w, S.Load(p + (2 * stride)), a2);
                    a3 = S.Fma(w, S.Load(p + (3 * stride)), a3);
                    a4 = S.Fma(w, S.Load(q), a4);
                    a5 = S.Fma(w, S.Load(q + stride), a5);
                    a6 = S.Fma(w, S.Load(q + (2 * stride)), a6);
                    a7 = S.Fma(w, S.Load(q + (3 * stride)), a7);
                }
            }

            float* d = target + c, e = d + (4 * stride);
            S.Store(a0, d);
            S.Store(a1, d + stride);
            S.Store(a2, d + (2 * stride));
            S.Store(a3, d + (3 * stride));
            S.Store(a4, e);
            S.Store(a5, e + stride);
            S.Store(a6, e + (2 * stride));
            S.Store(a7, e + (3 * stride));
        }

        for (; c < channels; c++)
        {
            for (var p = 0; p < TilePixels; p++)
            {
                var sum = bias[c];
                for (var ky = 0; ky < kernelRows; ky++)
                    for (var kx = 0; kx < kernel; kx++)
                        sum += taps[(((ky * kernel) + kx) * stride) + c] * source[(ky * strideRow) + ((kx + p) * stride) + c];
                target[(p * stride) + c] = sum;
            }
        }
    }
}
