using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AuralSam2.Kernels.Simd;

namespace AuralSam2.Kernels;

/// <summary>The two limits of this processor's roofline, measured: multiply-adds in registers, and bytes to and from memory.</summary>
/// <remarks>
/// All report the best of several short runs, since a neighbour on the machine can only slow a run down. On a machine with
/// neighbours, measure a kernel and its limit in the same minute.
/// </remarks>
public static unsafe class CpuPeak
{
    private const int Rounds = 7;
    private const int GlanceRounds = 3;

    /// <summary>Floats that a thread takes at a time: 4 MB, so that threads which start late take fewer.</summary>
    private const int Chunk = 1 << 20;

    private const int Chunks = 64;
    private const int GlanceChunks = 32;

    private static readonly TimeSpan FmaRound = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan GlanceFmaRound = TimeSpan.FromMilliseconds(6);

    /// <summary>Float32 multiply-adds that the processor can do when it never waits for memory; takes about 0.3 s.</summary>
    /// <param name="threads">Threads that compute at the same time; 0 takes one per processor.</param>
    /// <param name="isa">Instruction set; null takes the widest that the processor has.</param>
    /// <returns>10^9 floating-point operations per second, all threads together; a multiply-add counts two.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    /// <exception cref="PlatformNotSupportedException">The processor lacks the instruction set that was asked for.</exception>
    public static double FmaGflops(int threads = 0, CpuIsa? isa = null)
    {
        using var device = new CpuDevice(threads, isa);
        return BestFmaRate(device, Rounds, FmaRound);
    }

    /// <summary>What main memory delivers to sequential access over arrays far larger than any cache (256 MB each); takes about 0.5 s.</summary>
    /// <param name="threads">Threads that share the work; 0 takes one per processor.</param>
    /// <returns>
    /// 10^9 bytes per second: reading alone, and copying past the cache with non-temporal stores (bytes read plus bytes written).
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static (double ReadGBs, double CopyGBs) MemoryBandwidth(int threads = 0)
    {
        using var device = new CpuDevice(threads);
        using var source = Touched(device, Chunks);
        using var destination = Touched(device, Chunks);
        double read = 0, copy = 0;
        for (var round = 0; round < Rounds; round++)
        {
            read = Math.Max(read, ReadRate(device, source));
            copy = Math.Max(copy, CopyRate(device, source, destination));
        }

        return (read / 1e9, copy / 1e9);
    }

    /// <summary>
    /// <see cref="FmaGflops"/> and the reading half of <see cref="MemoryBandwidth"/> in about 0.05 s, for a person who waits: shorter runs,
    /// fewer of them, and 128 MB. A busy machine shows more in it than in the long measurements.
    /// </summary>
    /// <param name="threads">Threads that compute at the same time; 0 takes one per processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static (double FmaGflops, double ReadGBs) Glance(int threads = 0)
    {
        using var device = new CpuDevice(threads);
        using var source = Touched(device, GlanceChunks);
        var read = 0.0;
        for (var round = 0; round < GlanceRounds; round++) read = Math.Max(read, ReadRate(device, source));
        return (BestFmaRate(device, GlanceRounds, GlanceFmaRound), read / 1e9);
    }

    /// <summary>An array whose pages are there: the first write maps them. Each thread takes the chunks it happens to, as kernels do.</summary>
    private static DeviceBuffer Touched(CpuDevice device, int chunks)
    {
        var buffer = device.Allocate((long)Chunk * chunks);
        var start = (float*)buffer.HostAddress;
        device.Pool.For(chunks, (i, _) => new Span<float>(start + ((nint)i * Chunk), Chunk).Fill(1));
        return buffer;
    }

    private static double ReadRate(CpuDevice device, DeviceBuffer source)
    {
        var from = (float*)source.HostAddress;
        var sums = new float[source.Length / Chunk]; // keeps the arithmetic alive
        return BytesPerSecond(source, () => device.Pool.For(sums.Length, (i, _) => sums[i] = Sum(from + ((nint)i * Chunk), Chunk)));
    }

    private static double CopyRate(CpuDevice device, DeviceBuffer source, DeviceBuffer destination)
    {
        var (from, to) = ((nint)source.HostAddress, (nint)destination.HostAddress);
        return 2 * BytesPerSecond(source, () => device.Pool.For(
            (int)(source.Length / Chunk),
            (i, _) => CopyPastCache((float*)from + ((nint)i * Chunk), (float*)to + ((nint)i * Chunk), Chunk)));
    }

    private static double BytesPerSecond(DeviceBuffer passed, Action pass)
    {
        var start = Stopwatch.GetTimestamp();
        pass();
        return passed.Length * sizeof(float) / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double BestFmaRate(CpuDevice device, int rounds, TimeSpan round) => device.Isa switch
    {
        CpuIsa.Avx512 => BestFmaRate<Simd512, Vector512<float>>(device.Pool, rounds, round),
        CpuIsa.Avx2 => BestFmaRate<Simd256, Vector256<float>>(device.Pool, rounds, round),
        _ => BestFmaRate<Simd128, Vector128<float>>(device.Pool, rounds, round),
    };

    private static double BestFmaRate<S, V>(WorkerPool pool, int rounds, TimeSpan length)
        where S : ISimd<V>
        where V : struct
    {
        const int steps = 10_000;
        var rates = new double[pool.Threads];
        var sums = new float[pool.Threads];  // keeps the arithmetic alive
        var best = 0.0;
        for (var round = 0; round < rounds; round++)
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
                while (elapsed < length);
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
