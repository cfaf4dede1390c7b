using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Log-mel spectrogram on a GPU: a group takes one window through all stages, in float64 as the contract says. The tables (window, turns of the
/// transform, mel scale) are short and computed by every group for itself: nothing has to be uploaded or owned.
/// </summary>
internal static class LogMelGpu
{
    private const int Threads = 128;

    /// <summary>The real transform runs as a complex one of half the length, see <see cref="RealFft"/>.</summary>
    private const int Half = LogMel.FftLength / 2;

    public static readonly GpuKernel<Arguments> Kernel = new(LogMelFrames, Threads, maxSharedFloats: 2 * FrameMemory.Length);

    /// <summary>Arguments of <see cref="LogMelFrames"/>.</summary>
    /// <param name="Samples"><c>[samples]</c>.</param>
    /// <param name="Y"><c>[frames, 64]</c>.</param>
    /// <param name="LowestMel">Where the first triangle begins.</param>
    /// <param name="MelStep">Half the width of a triangle.</param>
    public readonly record struct Arguments(ArrayView<float> Samples, RowView Y, double LowestMel, double MelStep);

    /// <summary>Shared memory of a window, in float64.</summary>
    private readonly struct FrameMemory(ArrayView<double> memory)
    {
        public const int Length = (4 * Half) + (2 * LogMel.Bins);

        public readonly ArrayView<double> Re = memory.SubView(0, Half);
        public readonly ArrayView<double> Im = memory.SubView(Half, Half);

        /// <summary>cos and sin of 2 pi k / 512.</summary>
        public readonly ArrayView<double> Cosines = memory.SubView(2 * Half, Half);
        public readonly ArrayView<double> Sines = memory.SubView(3 * Half, Half);

        public readonly ArrayView<double> Magnitudes = memory.SubView(4 * Half, LogMel.Bins);

        /// <summary>Where bins lie in mel: triangle b rises from b to b + 1 and falls to b + 2.</summary>
        public readonly ArrayView<double> Positions = memory.SubView((4 * Half) + LogMel.Bins, LogMel.Bins);
    }

    public static void Run(IlgpuDevice device, Tensor samples, Tensor y)
    {
        var (lowest, step) = LogMel.MelScale();
        var arguments = new Arguments(device.View(samples), device.Rows(y), lowest, step);
        device.Launch(Kernel, y.Rows, device.GroupSize(Kernel), Kernel.MaxSharedFloats, arguments);
    }

    internal static void LogMelFrames(Arguments arguments)
    {
        var memory = new FrameMemory(SharedMemory.GetDynamic<double>());
        MakeTables(arguments, memory);
        StageSamples(arguments.Samples, (long)Grid.IdxX * LogMel.HopLength, memory);
        Group.Barrier();
        for (var reach = 1; reach < Half; reach *= 2)
        {
            Butterflies(memory, reach);
            Group.Barrier();
        }

        Unpick(memory);
        Group.Barrier();
        for (var band = Group.IdxX; band < LogMel.Bands; band += Group.DimX)
            arguments.Y[Grid.IdxX, band] = (float)SimtDouble.Log(MelOf(memory, band));
    }

    private static void MakeTables(Arguments arguments, FrameMemory memory)
    {
        for (var k = Group.IdxX; k < Half; k += Group.DimX)
        {
            var (sin, cos) = SimtDouble.SinCos(k * (1.0 / LogMel.FftLength));
            memory.Cosines[k] = cos;
            memory.Sines[k] = sin;
        }

        for (var bin = Group.IdxX; bin < LogMel.Bins; bin += Group.DimX)
        {
            var mel = 1127 * SimtDouble.Log(1 + (bin * ((double)LogMel.SampleRate / LogMel.FftLength / 700)));
            memory.Positions[bin] = (mel - arguments.LowestMel) / arguments.MelStep;
        }
    }

    /// <summary>Samples under the window, even ones as real and odd ones as imaginary parts, in bit-reversed order; zeros behind the window.</summary>
    private static void StageSamples(ArrayView<float> samples, long first, FrameMemory memory)
    {
        for (var n = Group.IdxX; n < Half; n += Group.DimX)
        {
            var inside = 2 * n < LogMel.FrameLength;
            var at = BitReversed(n);
            memory.Re[at] = inside ? samples[first + (2 * n)] * Hann(2 * n) : 0;
            memory.Im[at] = inside ? samples[first + (2 * n) + 1] * Hann((2 * n) + 1) : 0;
        }
    }

    /// <summary>One stage of radix-2 decimation in time: pairs that lie <paramref name="reach"/> apart.</summary>
    private static void Butterflies(FrameMemory memory, int reach)
    {
        for (var b = Group.IdxX; b < Half / 2; b += Group.DimX)
        {
            var j = b & (reach - 1);
            var low = (2 * b) - j;
            var high = low + reach;
            // e^(-2 pi i j / (2 reach))
            var (c, s) = (memory.Cosines[j * (Half / reach)], -memory.Sines[j * (Half / reach)]);
            var (lowRe, lowIm, highRe, highIm) = (memory.Re[low], memory.Im[low], memory.Re[high], memory.Im[high]);
            var (x, y) = ((c * highRe) - (s * highIm), (c * highIm) + (s * highRe));
            memory.Re[low] = lowRe + x;
            memory.Im[low] = lowIm + y;
            memory.Re[high] = lowRe - x;
            memory.Im[high] = lowIm - y;
        }
    }

    /// <summary>Magnitudes of the real transform from the complex one: Z = E + iO of the even and the odd samples.</summary>
    private static void Unpick(FrameMemory memory)
    {
        for (var k = Group.IdxX; k < LogMel.Bins; k += Group.DimX)
        {
            // E and O are transforms of real sequences, so that E[-k] = conj E[k]; bins 0 and 256 both come from Z[0].
            var (bin, mirror) = (k & (Half - 1), (Half - k) & (Half - 1));
            var (evenRe, evenIm) = (0.5 * (memory.Re[bin] + memory.Re[mirror]), 0.5 * (memory.Im[bin] - memory.Im[mirror]));
            var (oddRe, oddIm) = (0.5 * (memory.Im[bin] + memory.Im[mirror]), 0.5 * (memory.Re[mirror] - memory.Re[bin]));
            // e^(-2 pi i k / 512); half a turn is -1.
            var (c, s) = k == Half ? (-1.0, 0.0) : (memory.Cosines[k], -memory.Sines[k]);
            var x = evenRe + (c * oddRe) - (s * oddIm);
            var y = evenIm + (c * oddIm) + (s * oddRe);
            memory.Magnitudes[k] = Math.Sqrt((x * x) + (y * y));
        }
    }

    /// <summary>Magnitudes under a triangle. Positions rise with the bin, so that the first bin is found by halving.</summary>
    private static double MelOf(FrameMemory memory, int band)
    {
        var (bin, end) = (1, LogMel.Bins); // 0 Hz has no weight
        while (bin < end)
        {
            var middle = (bin + end) / 2;
            if (memory.Positions[middle] < band) bin = middle + 1;
            else end = middle;
        }

        var mel = LogMel.LogOffset;
        for (; bin < LogMel.Bins; bin++)
        {
            var (rising, falling) = (memory.Positions[bin] - band, band + 2 - memory.Positions[bin]);
            if (falling <= 0) break;
            mel += memory.Magnitudes[bin] * (rising < falling ? rising : falling);
        }

        return mel;
    }

    /// <summary>The periodic Hann window.</summary>
    private static double Hann(int n) => 0.5 - (0.5 * SimtDouble.SinCos(n * (1.0 / LogMel.FrameLength)).Cos);

    /// <summary>The eight bits of a number below 256 in the other order.</summary>
    private static int BitReversed(int n)
    {
        n = ((n & 0x55) << 1) | ((n >> 1) & 0x55);
        n = ((n & 0x33) << 2) | ((n >> 2) & 0x33);
        return ((n & 0x0F) << 4) | (n >> 4);
    }
}
