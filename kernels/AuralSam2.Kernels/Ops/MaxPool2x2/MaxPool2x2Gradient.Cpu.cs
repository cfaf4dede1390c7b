using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>The gradient of pooling on the CPU: an output row is an item, and its two input rows are its own.</summary>
internal static unsafe class MaxPool2x2GradientCpu
{
    public static void Run(CpuDevice device, Tensor dy, Tensor x, Tensor dx)
    {
        var (height, width, channels) = (x.Shape[^3], x.Shape[^2], x.Columns);
        var (rows, columns) = (dy.Shape[^3], dy.Shape[^2]);
        device.Pool.For(dy.Rows / columns, (item, _) =>
        {
            var top = (((nint)(item / rows) * height) + (item % rows * 2)) * width * channels;
            var gradient = dy.Pointer + ((nint)item * columns * channels);
            for (var j = 0; j < columns; j++, top += 2 * (nint)channels, gradient += channels)
            {
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: Add<Simd512, Vector512<float>>(channels, width, gradient, x.Pointer + top, dx.Pointer + top); break;
                    case CpuIsa.Avx2: Add<Simd256, Vector256<float>>(channels, width, gradient, x.Pointer + top, dx.Pointer + top); break;
                    default: Add<Simd128, Vector128<float>>(channels, width, gradient, x.Pointer + top, dx.Pointer + top); break;
                }
            }
        });
    }

    /// <summary>One block: what is left of the gradient after each element that is not smaller than the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<S, V>(int channels, int width, float* dy, float* x, float* dx)
        where S : struct, ISimd<V>
        where V : struct
    {
        nint right = channels, below = (nint)width * channels, across = below + channels;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            V a = S.Load(x + c), b = S.Load(x + right + c), d = S.Load(x + below + c), left = S.Load(dy + c);
            var largest = S.Max(S.Max(a, b), S.Max(d, S.Load(x + across + c)));
            left = Take<S, V>(a, largest, left, dx + c);
            left = Take<S, V>(b, largest, left, dx + right + c);
            left = Take<S, V>(d, largest, left, dx + below + c);
            S.Store(S.Add(S.Load(dx + across + c), left), dx + across + c);
        }

        for (; c < channels; c++)
        {
            var at = (nint)0;
            if (x[right + c] > x[at + c]) at = right;
            if (x[below + c] > x[at + c]) at = below;
            if (x[across + c] > x[at + c]) at = across;
            dx[at + c] += dy[c];
        }
    }

    /// <summary>Gives a gradient to an element where it is the largest; returns what is left of the gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Take<S, V>(V value, V largest, V left, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        S.Store(S.Add(S.Load(target), S.SelectGreater(largest, value, S.Zero, left)), target);
        return S.SelectGreater(largest, value, left, S.Zero);
    }
}
