using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of a depthwise convolution on the CPU: strips of eight pixels run down the image, as in the convolution itself, and make dx
/// and the sums of the taps while x and dy are in the cache. Each strip sums into taps of its own, and these are added in order.
/// </summary>
internal static unsafe class DepthwiseConv2dGradientCpu
{
    private const int TilePixels = 8;

    /// <summary>Rows of a strip that are one item; the same for any number of threads, and so are the sums.</summary>
    private const int BandRows = 16;

    public static void Run(CpuDevice device, Tensor dy, Tensor x, Tensor turned, int kernel, Tensor dx, Tensor taps)
    {
        using var scope = device.Scope();
        var (height, width, channels) = (dy.Shape[^3], dy.Shape[^2], dy.Columns);
        var images = dy.Rows / (height * width);
        var strips = (width + TilePixels - 1) / TilePixels;
        var bands = (height + BandRows - 1) / BandRows;
        var items = images * bands * strips;
        var sums = taps.IsEmpty ? default : device.Rent(items, kernel * kernel, channels);
        if (!taps.IsEmpty) device.FillCore(sums, 0);
        var windowFloats = (nint)kernel * (TilePixels + kernel - 1) * channels;
        device.Pool.For(items, (item, worker) =>
        {
            var (image, band, left) = (item / (bands * strips), item / strips % bands, item % strips * TilePixels);
            var offset = (nint)image * height * width * channels;
            var count = Math.Min(TilePixels, width - left);
            var scratch = device.Scratch(worker, windowFloats + (TilePixels * (nint)channels));
            for (var row = band * BandRows; row < Math.Min(height, (band + 1) * BandRows); row++)
            {
                var pixels = offset + ((((nint)row * width) + left) * channels);
                if (!dx.IsEmpty)
                {
                    var around = Window.Of(dy.Pointer + offset, height, width, channels, kernel, row, left, scratch);
                    AddToPixels(device.Isa, around, channels, kernel, turned.Pointer, count, dx.Pointer + pixels, scratch + windowFloats);
                }

                if (!taps.IsEmpty)
                {
                    var around = Window.Of(x.Pointer + offset, height, width, channels, kernel, row, left, scratch);
                    AddToTaps(
                        device.Isa, around, channels, kernel, dy.Pointer + pixels, count,
                        sums.Pointer + ((nint)item * kernel * kernel * channels), scratch + windowFloats);
                }
            }
        });
        if (!taps.IsEmpty) RowSum.Run(device, sums.Reshape(items * kernel * kernel, channels), taps);
    }

    /// <summary>The pixels under the kernel at a tile's places.</summary>
    /// <param name="source">The pixel under the first tap that is inside the image vertically.</param>
    /// <param name="pitch">Floats from line to line.</param>
    /// <param name="firstTap">First row of the kernel that meets the image.</param>
    /// <param name="rows">Rows of the kernel that meet it.</param>
    private readonly struct Window(float* source, nint pitch, int firstTap, int rows)
    {
        public readonly float* Source = source;
        public readonly nint Pitch = pitch;
        public readonly int FirstTap = firstTap;
        public readonly int Rows = rows;

        /// <summary>The image in place where the tile has all its neighbours; elsewhere a copy with zeros outside the image.</summary>
        public static Window Of(float* image, int height, int width, int channels, int kernel, int row, int left, float* scratch)
        {
            var half = kernel / 2;
            var first = Math.Max(0, half - row);
            var rows = Math.Min(kernel, height + half - row) - first;
            var lines = image + ((nint)(row - half + first) * width * channels);
            if (left >= half && left + TilePixels + half <= width)
                return new Window(lines + ((nint)(left - half) * channels), (nint)width * channels, first, rows);
            var pixels = TilePixels + kernel - 1;
            var before = Math.Clamp(half - left, 0, pixels);
            var end = Math.Clamp(width - left + half, before, pixels);
            for (var i = 0; i < rows; i++)
            {
                var to = new Span<float>(scratch + ((nint)i * pixels * channels), pixels * channels);
                var from = lines + ((((nint)i * width) + left - half + before) * channels);
                to[..(before * channels)].Clear();
                new ReadOnlySpan<float>(from, (end - before) * channels).CopyTo(to[(before * channels)..]);
                to[(end * channels)..].Clear();
            }

            return new Window(scratch, (nint)pixels * channels, first, rows);
        }
    }

    /// <summary>dx += the window of dy under the turned kernel.</summary>
    private static void AddToPixels(CpuIsa isa, Window dy, int channels, int kernel, float* turned, int count, float* dx, float* scratch)
    {
        var whole = count == TilePixels ? dx : scratch;
        var own = new Span<float>(dx, count * channels);
        var tile = new Span<float>(scratch, TilePixels * channels);
        if (whole == scratch)
        {
            own.CopyTo(tile);
            tile[own.Length..].Clear();
        }

        var taps = turned + ((nint)dy.FirstTap * kernel * channels);
        switch (isa)
        {
            case CpuIsa.Avx512: Convolve<Simd512, Vector512<float>>(dy, channels, kernel, taps, whole); break;
            case CpuIsa.Avx2: Convolve<Simd256, Vector256<float>>(dy, channels, kernel, taps, whole); break;
            default: Convolve<Simd128, Vector128<float>>(dy, channels, kernel, taps, whole); break;
        }

        if (whole == scratch) tile[..own.Length].CopyTo(own);
    }

    /// <summary>Sums of the taps += dy times the window of x. Pixels that are not the tile's own count nothing.</summary>
    private static void AddToTaps(CpuIsa isa, Window x, int channels, int kernel, float* dy, int count, float* sums, float* scratch)
    {
        if (count < TilePixels)
        {
            var tile = new Span<float>(scratch, TilePixels * channels);
            new ReadOnlySpan<float>(dy, count * channels).CopyTo(tile);
            tile[(count * channels)..].Clear();
            dy = scratch;
        }

        sums += (nint)x.FirstTap * kernel * channels;
        switch (isa)
        {
            case CpuIsa.Avx512: Correlate<Simd512, Vector512<float>>(x, channels, kernel, dy, sums); break;
            case CpuIsa.Avx2: Correlate<Simd256, Vector256<float>>(x, channels, kernel, dy, sums); break;
            default: Correlate<Simd128, Vector128<float>>(x, channels, kernel, dy, sums); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Convolve<S, V>(Window window, int channels, int kernel, float* taps, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint stride = channels;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            float* d = target + c, e = d + (4 * stride);
            V a0 = S.Load(d), a1 = S.Load(d + stride), a2 = S.Load(d + (2 * stride)), a3 = S.Load(d + (3 * stride));
            V a4 = S.Load(e), a5 = S.Load(e + stride), a6 = S.Load(e + (2 * stride)), a7 = S.Load(e + (3 * stride));
            var weight = taps + c;
            for (var ky = 0; ky < window.Rows; ky++)
            {
                float* p = window.Source + (ky * window.Pitch) + c, q = p + (4 * stride);
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
                var sum = target[(p * stride) + c];
                for (var ky = 0; ky < window.Rows; ky++)
                    for (var kx = 0; kx < kernel; kx++)
                        sum += taps[(((ky * kernel) + kx) * stride) + c] * window.Source[(ky * window.Pitch) + ((kx + p) * stride) + c];
                target[(p * stride) + c] = sum;
            }
        }
    }

    /// <summary>Eight pixels of dy stay in registers while the taps pass; two chains of sums for each tap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Correlate<S, V>(Window window, int channels, int kernel, float* dy, float* sums)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint stride = channels;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            float* d = dy + c, e = d + (4 * stride);
            V d0 = S.Load(d), d1 = S.Load(d + stride), d2 = S.Load(d + (2 * stride)), d3 = S.Load(d + (3 * stride));
            V d4 = S.Load(e), d5 = S.Load(e + stride), d6 = S.Load(e + (2 * stride)), d7 = S.Load(e + (3 * stride));
            var sum = sums + c;
            for (var ky = 0; ky < window.Rows; ky++)
            {
                float* p = window.Source + (ky * window.Pitch) + c, q = p + (4 * stride);
                for (var kx = 0; kx < kernel; kx++, sum += stride, p += stride, q += stride)
                {
                    var even = S.Fma(d0, S.Load(p), S.Load(sum));
                    var odd = S.Mul(d1, S.Load(p + stride));
                    even = S.Fma(d2, S.Load(p + (2 * stride)), even);
                    odd = S.Fma(d3, S.Load(p + (3 * stride)), odd);
                    even = S.Fma(d4, S.Load(q), even);
                    odd = S.Fma(d5, S.Load(q + stride), odd);
                    even = S.Fma(d6, S.Load(q + (2 * stride)), even);
                    odd = S.Fma(d7, S.Load(q + (3 * stride)), odd);
                    S.Store(S.Add(even, odd), sum);
                }
            }
        }

        for (; c < channels; c++)
        {
            for (var ky = 0; ky < window.Rows; ky++)
            {
                for (var kx = 0; kx < kernel; kx++)
                {
                    var sum = 0f;
                    for (var p = 0; p < TilePixels; p++)
                        sum += dy[(p * stride) + c] * window.Source[(ky * window.Pitch) + ((kx + p) * stride) + c];
                    sums[(((ky * kernel) + kx) * stride) + c] += sum;
                }
            }
        }
    }
}
