namespace AuralSam2.Kernels;

/// <summary>
/// The two measured limits of a device, and what they allow an op (the roofline model; Williams, Waterman and Patterson 2009).
/// </summary>
/// <param name="Gflops">Float32 multiply-adds in registers, 10^9 operations per second.</param>
/// <param name="GigabytesPerSecond">Bytes to and from memory, 10^9 per second.</param>
/// <remarks>An op whose operands stay in cache between ops can be faster than the memory's roof: more than 100 percent is no error.</remarks>
public readonly record struct Roofline(double Gflops, double GigabytesPerSecond)
{
    /// <summary>Operations per byte where the two roofs meet.</summary>
    public double Ridge => Gflops / GigabytesPerSecond;

    /// <summary>Measures both limits; takes about a second.</summary>
    public static Roofline Measure(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device is IlgpuDevice gpu) return new Roofline(GpuPeak.FmaGflops(gpu), GpuPeak.CopyGBs(gpu).KernelGBs);
        var threads = device.Parallelism;
        var (read, copy) = CpuPeak.MemoryBandwidth(threads);
        return new Roofline(CpuPeak.FmaGflops(threads), Math.Max(read, copy));
    }

    /// <summary>10^9 operations per second that an intensity (operations per byte) allows.</summary>
    public double Attainable(double intensity) => Math.Min(Gflops, intensity * GigabytesPerSecond);

    /// <summary>Seconds that work takes at the least: the longer of its arithmetic and its traffic.</summary>
    public double LeastSeconds(double flops, double bytes) => Math.Max(flops / Gflops, bytes / GigabytesPerSecond) / 1e9;
}
