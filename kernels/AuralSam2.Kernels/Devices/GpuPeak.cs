using System.Diagnostics;
using AuralSam2.Kernels.Simt;
using ILGPU;
using ILGPU.Runtime;

namespace AuralSam2.Kernels;

/// <summary>The two limits of a GPU's roofline, measured by kernels of our own: multiply-adds in registers, and bytes through its memory.</summary>
/// <remarks>
/// Both report the best of several rounds of many launches. Measure a kernel and its limits in the same run: clocks follow temperature
/// and power. On the emulator the figures are those of the emulator, and say nothing about a GPU.
/// </remarks>
public static class GpuPeak
{
    private const int Threads = 256;
    private const int Rounds = 7;
    private const int LaunchesEach = 10;
    private const int QuadsEach = 4;
    private const int Chains = 16;
    private const int Unrolled = 8;

    internal static readonly GpuKernel<FmaArguments> FmaKernel = new(FmaChains, Threads);
    internal static readonly GpuKernel<CopyArguments> CopyKernel = new(CopyQuads, Threads);

    /// <summary>Arguments of <see cref="FmaChains"/>.</summary>
    /// <param name="Sums"><c>[groups, threads]</c>: what every thread's chains come to.</param>
    /// <param name="Factor">Chains tend to factor / (1 - factor).</param>
    /// <param name="Steps">Multiply-adds of a chain: a multiple of 8.</param>
    internal readonly record struct FmaArguments(ArrayView<float> Sums, float Factor, int Steps);

    /// <summary>Arguments of <see cref="CopyQuads"/>.</summary>
    internal readonly record struct CopyArguments(ArrayView<Float4> From, ArrayView<Float4> To);

    /// <summary>Float32 multiply-adds that the device can do when it never waits for memory; takes about 0.2 s on a GPU.</summary>
    /// <returns>10^9 floating-point operations per second; a multiply-add counts two.</returns>
    public static double FmaGflops(IlgpuDevice device)
    {
        // On a GPU: as many groups as fit, twice over, and steps for about a millisecond.
        var (groups, steps) = device is EmulatorDevice ? (2, 64) : (device.Accelerator.NumMultiprocessors * 16, 4096);
        var threads = device.GroupSize(FmaKernel);
        using var buffer = device.Allocate((long)groups * threads);
        var arguments = new FmaArguments(device.View(buffer.View(groups, threads)), 0.5f, steps);
        var seconds = BestSeconds(device, () => device.Launch(FmaKernel, groups, threads, 0, arguments));
        return 2.0 * Chains * steps * groups * threads / seconds / 1e9;
    }

    /// <summary>
    /// What the device's memory delivers to copies between two blocks far larger than any cache (256 MB each); takes about 0.1 s on a GPU.
    /// </summary>
    /// <returns>10^9 bytes per second, read plus written: by our copy kernel, and by the driver's own copy.</returns>
    /// <exception cref="DeviceException">The memory for it is not there.</exception>
    public static (double KernelGBs, double DriverGBs) CopyGBs(IlgpuDevice device)
    {
        var threads = device.GroupSize(CopyKernel);
        long quads = device is EmulatorDevice ? 4 * QuadsEach * threads : 16L << 20;
        using var source = device.Allocate(quads * 4);
        using var destination = device.Allocate(quads * 4);
        var (from, to) = (device.View(source.View(checked((int)quads), 4)), device.View(destination.View((int)quads, 4)));
        device.Fill(source.View((int)quads, 4), 1);
        var arguments = new CopyArguments(from.Cast<Float4>(), to.Cast<Float4>());
        var groups = quads / (QuadsEach * threads);
        var kernel = BestSeconds(device, () => device.Launch(CopyKernel, groups, threads, 0, arguments));
        var driver = BestSeconds(device, () => from.CopyTo(device.Accelerator.DefaultStream, to));
        return (2.0 * 16 * quads / kernel / 1e9, 2.0 * 16 * quads / driver / 1e9);
    }

    /// <summary>
    /// Independent chains of a = factor * a + factor, more than the latency of a multiply-add needs. They start at different values, or they
    /// would be one chain to the compiler.
    /// </summary>
    internal static void FmaChains(FmaArguments arguments)
    {
        var thread = (Grid.IdxX * Group.DimX) + Group.IdxX;
        float factor = arguments.Factor, start = thread;
        var add = new Float4(factor, factor, factor, factor);
        var a = new Float4(start, start + 1, start + 2, start + 3);
        var b = new Float4(start + 4, start + 5, start + 6, start + 7);
        var c = new Float4(start + 8, start + 9, start + 10, start + 11);
        var d = new Float4(start + 12, start + 13, start + 14, start + 15);
        for (var step = 0; step < arguments.Steps; step += Unrolled)
        {
            a = Unroll(a, factor, add);
            b = Unroll(b, factor, add);
            c = Unroll(c, factor, add);
            d = Unroll(d, factor, add);
        }

        arguments.Sums[thread] =
            a.X + a.Y + a.Z + a.W + b.X + b.Y + b.Z + b.W + c.X + c.Y + c.Z + c.W + d.X + d.Y + d.Z + d.W;
    }

    /// <summary>As many steps as make the loop's own instructions a few hundredths.</summary>
    private static Float4 Unroll(Float4 a, float factor, Float4 add)
    {
        a = a.MultiplyAdd(factor, add).MultiplyAdd(factor, add).MultiplyAdd(factor, add).MultiplyAdd(factor, add);
        return a.MultiplyAdd(factor, add).MultiplyAdd(factor, add).MultiplyAdd(factor, add).MultiplyAdd(factor, add);
    }

    /// <summary>Four quads for each thread, all under way before the first is stored; neighbouring threads touch neighbouring quads.</summary>
    internal static void CopyQuads(CopyArguments arguments)
    {
        var at = ((long)Grid.IdxX * QuadsEach * Group.DimX) + Group.IdxX;
        long next = Group.DimX;
        var a = arguments.From[at];
        var b = arguments.From[at + next];
        var c = arguments.From[at + (2 * next)];
        var d = arguments.From[at + (3 * next)];
        arguments.To[at] = a;
        arguments.To[at + next] = b;
        arguments.To[at + (2 * next)] = c;
        arguments.To[at + (3 * next)] = d;
    }

    /// <summary>Seconds of one launch in the fastest round; the first round compiles and warms up.</summary>
    private static double BestSeconds(Device device, Action launch)
    {
        var best = double.PositiveInfinity;
        for (var round = 0; round <= Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < LaunchesEach; i++) launch();
            device.Synchronize();
            if (round > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / LaunchesEach);
        }

        return best;
    }
}
