using System.Globalization;
using AuralSam2.Kernels;

namespace AuralSam2.Bench;

/// <summary>The two limits that everything on a device is compared with, measured on that device in the same run.</summary>
/// <param name="FmaGflops">10^9 floating-point operations per second of multiply-adds in registers.</param>
/// <param name="CopyGbs">10^9 bytes per second, read plus written, of the fastest way to copy.</param>
/// <param name="CopyKernelGbs">On a GPU: of our copy kernel.</param>
/// <param name="DriverCopyGbs">On a GPU: of the driver's copy.</param>
internal sealed record Roofline(double FmaGflops, double CopyGbs, double? CopyKernelGbs = null, double? DriverCopyGbs = null)
{
    /// <summary>Measures; takes less than a second.</summary>
    public static Roofline Measure(Device device)
    {
        if (device is CpuDevice cpu) return new(CpuPeak.FmaGflops(cpu.Threads, cpu.Isa), CpuPeak.MemoryBandwidth(cpu.Threads).CopyGBs);
        var gpu = (IlgpuDevice)device;
        var (kernel, driver) = GpuPeak.CopyGBs(gpu);
        return new(GpuPeak.FmaGflops(gpu), Math.Max(kernel, driver), kernel, driver);
    }

    /// <summary>The higher of two measurements, before and after: clocks change.</summary>
    public Roofline Or(Roofline other) => new(
        Math.Max(FmaGflops, other.FmaGflops), Math.Max(CopyGbs, other.CopyGbs),
        Max(CopyKernelGbs, other.CopyKernelGbs), Max(DriverCopyGbs, other.DriverCopyGbs));

    /// <summary>The least time for so much work, were both limits reached.</summary>
    public double LeastSeconds(double flops, double bytes) => Math.Max(flops / 1e9 / FmaGflops, bytes / 1e9 / CopyGbs);

    /// <summary>One line for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"FMA peak {FmaGflops:0.#} GFLOP/s, copy {CopyGbs:0.#} GB/s") + (CopyKernelGbs is null
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $" (our kernel {CopyKernelGbs:0.#}, driver {DriverCopyGbs:0.#})"));

    private static double? Max(double? a, double? b) => a is { } x && b is { } y ? Math.Max(x, y) : null;
}
