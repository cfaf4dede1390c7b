using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels.Ops;

/// <summary>The gradient of the step on the CPU: a row of dx is an item.</summary>
internal static unsafe class Upsample2xGradientCpu
{
    public static void Run(CpuDevice device, Tensor dy, Tensor dx)
    {
        var (width, channels) = (dx.Shape[1], dx.Columns);
        device.Pool.For(dx.Shape[0], (row, _) =>
        {
            float* source = dy.Pointer + (4 * (nint)row * width * channels), target = dx.Pointer + ((nint)row * width * channels);
            for (var j = 0; j < width; j++, source += 2 * (nint)channels, target += channels)
            {
                switch (device.Isa)
                {
                    case CpuIsa.Avx512: AddBlock<Simd512, Vector512<float>>(channels, 2 * (nint)width * channels, source, target); break;
                    case CpuIsa.Avx2: AddBlock<Simd256, Vector256<float>>(channels, 2 * (nint)width * channels, source, target); break;
                    default: AddBlock<Simd128, Vector128<float>>(channels, 2 * (nint)width * channels, source, target); break;
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddBlock<S, V>(int channels, nint pitch, float* source, float* target)
        where S : struct, ISimd<V>
        where V : struct
    {
        float* right = source + channels, below = source + pitch, across = below + channels;
        var c = 0;
        for (; c + S.Width <= channels; c += S.Width)
        {
            var sum = S.Add(S.Add(S.Load(source + c), S.Load(right + c)), S.Add(S.Load(below + c), S.Load(across + c)));
            S.Store(S.Add(S.Load(target + c), sum), target + c);
        }

        for (; c < channels; c++) target[c] += source[c] + right[c] + (below[c] + across[c]);
    }
}
