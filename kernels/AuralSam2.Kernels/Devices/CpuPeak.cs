using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels;

/// <summary>The two limits of this processor's roofline, measured: multiply-adds in registers, and bytes to and from memory.</summary>
/// <remarks>
/// Both report the best of several short runs, since a neighbour on the machine can only slow a run down. On a machine with
/// neighbours, measure a kernel and its limit in the same minute.
/// </remarks>
public static unsafe class CpuPeak
{
    private const int Rounds = 7;

    private static readonly TimeSpan FmaRound = TimeSpan.FromMilliseconds(40);

    /// <summary>Float32 multiply-adds that the processor can do when it never waits for memory; takes about 0.3 s.</summary>
    /// <param name="threads">Threads that compute at the same time; 0 takes one per processor.</param>
    /// <param name="isa">Instruction set; null takes the widest that the processor has.</param>
    /// <returns>10^9 floating-point operations per second, all threads together; a multiply-add counts two.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the instruction set that was asked for.</exception>
    public static double FmaGflops(int threads = 0, CpuIsa? isa = null)
    {
        using var device = new CpuDevice(threads, isa);
        return device.Isa switch
        {
            CpuIsa.Avx512 => BestFmaRate<Simd512, Vector512<float>>(device.Pool),
            CpuIsa.Avx2 => BestFmaRate<Simd256, Vector256<float>>(device.Pool),
            _ => BestFmaRate<Simd128, Vector128<float>>(device.Pool),
        };
    }

    /// <summary>What main memory delivers to sequential access over arrays far larger than any cache (256 MB each); takes about 0.5 s.</summary>
    /// <param name="threads">Threads that share the work; 0 takes one per processor.</param>
    /// <returns>
    /// 10^9 bytes per second: reading alone, and copying past the cache with non-temporal stores (bytes read plus bytes written).
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static (double ReadGBs, double CopyGBs) MemoryBandwidth(int threads = 0)
    {
        const int chunk = 1 << 20;  // floats: 4 MB, so that threads which start late take fewer
        const int chunks = 64;
        using var device = new CpuDevice(threads);
        using var source = device.Allocate((long)chunk * chunks);
        using var destination = device.Allocate((long)chunk * chunks);
        var from = (float*)source.HostAddress;
        var to = (float*)destination.HostAddress;

        // The first write maps the pages; each thread takes the chunks it happens to, as kernels do.
        device.Pool.For(chunks, (i, _) =>
        {
            new Span<float>(from + ((nint)i * chunk), chunk).Fill(1);
            new Span<float>(to + ((nint)i * chunk), chunk).Fill(2);
        });

        var sums = new float[chunks];
        double read = 0, copy = 0;
        for (var round = 0; round < Rounds; round++)
        {
            read = Math.Max(read, BytesPerSecond(() => device.Pool.For(chunks, (i, _) => sums[i] = Sum(from + ((nint)i * chunk), chunk))));
            copy = Math.Max(copy, 2 * BytesPerSecond(() =>
                device.Pool.For(chunks, (i, _) => CopyPastCache(from + ((nint)i * chunk), to + ((nint)i * chunk), chunk))));
        }

        return (read / 1e9, copy / 1e9);

        static double BytesPerSecond(Action pass)
        {
            var start = Stopwatch.GetTimestamp();
            pass();
            return (double)chunk * chunks * sizeof(float) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static double BestFmaRate<S, V>(WorkerPool pool)
        where S : ISimd<V>
        where V : struct
    {
        const int steps = 10_000;
        var rates = new double[pool.Threads];
        var sums = new float[pool.Threads];  // keeps the arithmetic alive
        var best = 0.0;
        for (var round = 0; round < Rounds; round++)
        {
            pool.For(pool.Threads, (item, _) =>
            {
                var start = Stopwatch.GetTimestamp();
                var flops = 0.0;
                TimeSpan elapsed;
                do
                {
                    sums[item] += MultiplyAdds<S, V>(steps, 0.5f);
                    flops += 2.0 * Accumulators * S.Width * steps;
                    elapsed = Stopwatch.GetElapsedTime(start);
                }
                while (elapsed < FmaRound);
                rates[item] = flops / elapsed.TotalSeconds;
            });
            best = Math.Max(best, rates.Sum());
        }

        return best / 1e9;
    }

    /// <summary>
    /// Independent chains of a = a * x + x, which tend to 1 for x = 0.5: enough to hide the latency of two multiply-adds per cycle,
    /// and with x they fill the 16 registers of AVX2 exactly.
    /// </summary>
    private const int Accumulators = 15;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float MultiplyAdds<S, V>(int steps, float value)
        where S : ISimd<V>
        where V : struct
    {
        var x = S.Create(value);
        V a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x, a12 = x, a13 = x, a14 = x;
        for (var i = 0; i < steps; i++)
        {
            a0 = S.Fma(a0, x, x);
            a1 = S.Fma(a1, x, x);
            a2 = S.Fma(a2, x, x);
            a3 = S.Fma(a3, x, x);
            a4 = S.Fma(a4, x, x);
            a5 = S.Fma(a5, x, x);
            a6 = S.Fma(a6, x, x);
            a7 = S.Fma(a7, x, x);
            a8 = S.Fma(a8, x, x);
            a9 = S.Fma(a9, x, x);
            a10 = S.Fma(a10, x, x);
            a11 = S.Fma(a11, x, x);
            a12 = S.Fma(a12, x, x);
            a13 = S.Fma(a13, x, x);
            a14 = S.Fma(a14, x, x);
        }

        var low = S.Add(S.Add(S.Add(a0, a1), S.Add(a2, a3)), S.Add(S.Add(a4, a5), S.Add(a6, a7)));
        var high = S.Add(S.Add(S.Add(a8, a9), S.Add(a10, a11)), S.Add(S.Add(a12, a13), a14));
        return S.Sum(S.Add(low, high));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float* source, int count)
    {
        var width = Vector256<float>.Count;
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint i = 0; i < count; i += 4 * width)
        {
            s0 += Vector256.Load(source + i);
            s1 += Vector256.Load(source + i + width);
            s2 += Vector256.Load(source + i + (2 * width));
            s3 += Vector256.Load(source + i + (3 * width));
        }

        return Vector256.Sum(s0 + s1 + s2 + s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyPastCache(float* source, float* destination, int count)
    {
        var width = Vector256<float>.Count;
        for (nint i = 0; i < count; i += 2 * width)
        {
            Vector256.Load(source + i).StoreAlignedNonTemporal(destination + i);
            Vector256.Load(source + i + width).StoreAlignedNonTemporal(destination + i + width);
        }
    }
}
