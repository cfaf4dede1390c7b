using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Sums of squares on the CPU. The vectors are eight floats wide on every processor, so that instruction sets agree to the bit: reading
/// memory is what takes the time.
/// </summary>
internal static unsafe class SquareSumCpu
{
    public static void Run(CpuDevice device, Tensor x, Tensor y) => device.Pool.For(y.Rows, (row, _) =>
    {
        var first = (nint)row * SquareSum.Stretch;
        var sum = Of(x.Pointer + first, (int)Math.Min(SquareSum.Stretch, x.Length - first));
        var to = y.Pointer + (2 * (nint)row);
        to[0] = (float)sum;
        to[1] = float.IsFinite(to[0]) ? (float)(sum - to[0]) : 0;
    });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Of(float* x, int count)
    {
        Vector256<double> low = default, high = default, low2 = default, high2 = default;
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var (a, b) = Vector256.Widen(Vector256.Load(x + i));
            var (c, d) = Vector256.Widen(Vector256.Load(x + i + 8));
            low += a * a;
            high += b * b;
            low2 += c * c;
            high2 += d * d;
        }

        var sum = Vector256.Sum((low + low2) + (high + high2));
        for (; i < count; i++) sum += (double)x[i] * x[i];
        return sum;
    }
}
