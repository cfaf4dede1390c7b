using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>Depthwise convolution on the CPU: an image row is an item; four neighbouring pixels share every weight that is loaded.</summary>
internal static unsafe class DepthwiseConv2dCpu
{
    public static void Run(CpuDevice device, Tensor x, DepthwiseWeights weights, Tensor y, Activation activation)
    {
        var (height, width, channels) = (x.Shape[^3], x.Shape[^2], x.Columns);
        var images = x.Rows / Math.Max(1, height * width);
        device.Pool.For(images * height, (item, _) =>
        {
            var image = x.Pointer + ((nint)(item / height) * height * width * channels);
            var target = y.Pointer + ((nint)item * width * channels);
            switch (device.Isa)
            {
                case CpuIsa.Avx512: Row<Simd512, Vector512<float>>(image, height, width, channels, item % height, weights, target); break;
                case CpuIsa.Avx2: Row<Simd256, Vector256<float>>(image, height, width, channels, item % height, weights, target); break;
                default: Row<Simd128, Vector128<float>>(image, height, width, channels, item % height, weights, target); break;
            }

            ElementwiseCpu.Activate(device.Isa, activation, width, channels, target, channels);
        });
    }

    private static void Row<S, V>(float* image, int height, int width, int channels, int row, in DepthwiseWeights weights, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        var half = weights.Kernel / 2;
        var (firstTap, lastTap) = (Math.Max(0, half - row), Math.Min(weights.Kernel, height + half - row)); // kernel rows inside the image
        var x = 0;
        while (x < width)
        {
            var inside = x >= half && x + 4 + half <= width;
            var source = image + ((((nint)(row - half + firstTap) * width) + x - half) * channels);
            if (inside)
            {
                var taps = weights.Taps.Pointer + ((nint)firstTap * weights.Kernel * channels);
                FourPixels<S, V>(
                    source, (nint)width * channels, channels, lastTap - firstTap,
                    weights.Kernel, taps, weights.Bias.Pointer, target + ((nint)x * channels));
                x += 4;
            }
            else
            {
                var (firstColumn, lastColumn) = (Math.Max(0, half - x), Math.Min(weights.Kernel, width + half - x));
                OnePixel<S, V>(
                    source, (nint)width * channels, channels, firstTap, lastTap, firstColumn, lastColumn,
                    weights, target + ((nint)x * channels));
                x++;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourPixels<S, V>(
        float* source, nint strideRow, int channels, int kernelRows, int kernel, float* taps, float* bias, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            V a0 = S.Load(bias + c), a1 = a0, a2 = a0, a3 = a0;
            var weight = taps + c;
            for (var ky = 0; ky < kernelRows; ky++)
            {
                var pixel = source + (ky * strideRow) + c;
                for (var kx = 0; kx < kernel; kx++, weight += channels, pixel += channels)
                {
                    var w = S.Load(weight);
                    a0 = S.Fma(w, S.Load(pixel), a0);
                    a1 = S.Fma(w, S.Load(pixel + channels), a1);
                    a2 = S.Fma(w, S.Load(pixel + (2 * (nint)channels)), a2);
                    a3 = S.Fma(w, S.Load(pixel + (3 * (nint)channels)), a3);
                }
            }

            S.Store(a0, target + c);
            S.Store(a1, target + channels + c);
            S.Store(a2, target + (2 * (nint)channels) + c);
            S.Store(a3, target + (3 * (nint)channels) + c);
        }

        for (; c < channels; c++)
        {
            for (var p = 0; p < 4; p++)
            {
                var sum = bias[c];
                for (var ky = 0; ky < kernelRows; ky++)
                    for (var kx = 0; kx < kernel; kx++)
                        sum += taps[(((nint)ky * kernel) + kx) * channels + c] * source[(ky * strideRow) + ((nint)(kx + p) * channels) + c];
                target[(p * (nint)channels) + c] = sum;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OnePixel<S, V>(
        float* source, nint strideRow, int channels,
        int firstTap, int lastTap, int firstColumn, int lastColumn,
        in DepthwiseWeights weights, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* taps = weights.Taps.Pointer, bias = weights.Bias.Pointer;
        var kernel = weights.Kernel;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            var sum = S.Load(bias + c);
            for (var ky = firstTap; ky < lastTap; ky++)
                for (var kx = firstColumn; kx < lastColumn; kx++)
                    sum = S.Fma(
                        S.Load(taps + ((((nint)ky * kernel) + kx) * channels) + c),
                        S.Load(source + ((ky - firstTap) * strideRow) + ((nint)kx * channels) + c), sum);
            S.Store(sum, target + c);
        }

        for (; c < channels; c++)
        {
            var sum = bias[c];
            for (var ky = firstTap; ky < lastTap; ky++)
                for (var kx = firstColumn; kx < lastColumn; kx++)
                    sum += taps[((((nint)ky * kernel) + kx) * channels) + c] * source[((ky - firstTap) * strideRow) + ((nint)kx * channels) + c];
            target[c] = sum;
        }
    }
}
