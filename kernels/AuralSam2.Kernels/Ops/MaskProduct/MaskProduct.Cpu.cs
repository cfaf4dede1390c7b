using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// A run of pixels is an item. Two vectors of pixels at a time are laid out channel by channel, so that a lane is a pixel and no sum
/// runs across lanes; four tokens meet them in registers.
/// </summary>
internal static unsafe class MaskProductCpu
{
    private const int PixelsPerItem = 512;

    public static void Run(CpuDevice device, Tensor tokens, Tensor pixels, Tensor y)
    {
        device.Pool.For((pixels.Rows + PixelsPerItem - 1) / PixelsPerItem, (item, worker) =>
        {
            var first = item * PixelsPerItem;
            var count = Math.Min(PixelsPerItem, pixels.Rows - first);
            var panel = device.Scratch(worker, PanelFloats(device.Isa, tokens.Columns));
            Products(
                device.Isa, tokens, count, pixels.Pointer + ((nint)first * pixels.RowStride), pixels.RowStride, y.Pointer + first, pixels.Rows, panel);
        });
    }

    /// <summary>Scratch of <see cref="Products"/>.</summary>
    public static nint PanelFloats(CpuIsa isa, int channels) => 2 * (nint)isa.Lanes() * channels;

    /// <summary>y[token, pixel] of some pixels, on the calling thread; strides are between rows, of pixels and of tokens.</summary>
    public static void Products(
        CpuIsa isa, Tensor tokens, int count, float* pixels, nint stridePixels, float* y, nint strideY, float* panel)
    {
        switch (isa)
        {
            case CpuIsa.Avx512: Run<Simd512, Vector512<float>>(isa, tokens, count, pixels, stridePixels, y, strideY, panel); break;
            case CpuIsa.Avx2: Run<Simd256, Vector256<float>>(isa, tokens, count, pixels, stridePixels, y, strideY, panel); break;
            default: Run<Simd128, Vector128<float>>(isa, tokens, count, pixels, stridePixels, y, strideY, panel); break;
        }
    }

    private static void Run<S, V>(
        CpuIsa isa, Tensor tokens, int count, float* pixels, nint stridePixels, float* y, nint strideY, float* panel)
        where S : struct, ISimd<V>
        where V : struct
    {
        var width = 2 * S.Width;
        var last = stackalloc float[4 * width]; // a run may end within a panel
        for (var p = 0; p < count; p += width)
        {
            var here = Math.Min(width, count - p);
            RowsToColumns.Run(isa, here, tokens.Columns, pixels + (p * stridePixels), stridePixels, panel, width);
            for (var m = 0; m < tokens.Rows; m += 4)
            {
                var these = Math.Min(4, tokens.Rows - m);
                var token = tokens.Pointer + ((nint)m * tokens.RowStride);
                var target = y + (m * strideY) + p;
                if (here == width)
                {
                    Tile<S, V>(these, tokens.Columns, token, tokens.RowStride, panel, target, strideY);
                    continue;
                }

                Tile<S, V>(these, tokens.Columns, token, tokens.RowStride, panel, last, width);
                for (var i = 0; i < these; i++)
                    new ReadOnlySpan<float>(last + (i * width), here).CopyTo(new Span<float>(target + (i * strideY), here));
            }
        }
    }

    /// <summary>y[token, pixel] = sum over channels of token[channel] panel[channel, pixel], for up to four tokens and two vectors of pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<S, V>(int tokens, int channels, float* token, nint strideToken, float* panel, float* y, nint strideY)
        where S : struct, ISimd<V>
        where V : struct
    {
        // Tokens that are missing repeat the last one, and are not stored.
        float* t0 = token, t1 = tokens > 1 ? t0 + strideToken : t0;
        float* t2 = tokens > 2 ? t1 + strideToken : t1, t3 = tokens > 3 ? t2 + strideToken : t2;
        V a0 = S.Zero, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        for (var c = 0; c < channels; c++, panel += 2 * S.Width)
        {
            V a = S.Load(panel), b = S.Load(panel + S.Width);
            V w0 = S.Create(t0[c]), w1 = S.Create(t1[c]), w2 = S.Create(t2[c]), w3 = S.Create(t3[c]);
            a0 = S.Fma(w0, a, a0);
            b0 = S.Fma(w0, b, b0);
            a1 = S.Fma(w1, a, a1);
            b1 = S.Fma(w1, b, b1);
            a2 = S.Fma(w2, a, a2);
            b2 = S.Fma(w2, b, b2);
            a3 = S.Fma(w3, a, a3);
            b3 = S.Fma(w3, b, b3);
        }

        Store<S, V>(a0, b0, y);
        if (tokens > 1) Store<S, V>(a1, b1, y + strideY);
        if (tokens > 2) Store<S, V>(a2, b2, y + (2 * strideY));
        if (tokens > 3) Store<S, V>(a3, b3, y + (3 * strideY));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<S, V>(V a, V b, float* y)
        where S : struct, ISimd<V>
        where V : struct
    {
        S.Store(a, y);
        S.Store(b, y + S.Width);
    }
}
