namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Fourier transform of a real sequence whose length is a power of two, in float64: the even and odd samples become the real and
/// imaginary parts of a complex transform of half the length, which is then unpicked by symmetry.
/// </summary>
internal sealed class RealFft
{
    private readonly int half;
    private readonly int[] reversed;
    private readonly double[] cosines;
    private readonly double[] sines;
    private readonly double[] re;
    private readonly double[] im;

    /// <param name="length">Samples, a power of two, at least 4.</param>
    public RealFft(int length)
    {
        if (length < 4 || !int.IsPow2(length)) throw new ArgumentException($"{length} is no power of two from 4 up", nameof(length));
        half = length / 2;
        reversed = new int[half];
        var bits = int.Log2(half);
        for (var i = 0; i < half; i++)
            for (var b = 0; b < bits; b++) reversed[i] |= ((i >> b) & 1) << (bits - 1 - b);

        // e^(-2 pi i k / length): the complex transform of half the length uses every second of them.
        cosines = new double[half];
        sines = new double[half];
        for (var k = 0; k < half; k++) (sines[k], cosines[k]) = Math.SinCos(-2 * Math.PI * k / length);
        re = new double[half];
        im = new double[half];
    }

    /// <summary>Magnitudes of the bins 0 .. length / 2.</summary>
    /// <param name="samples"><c>[length]</c></param>
    /// <param name="magnitudes"><c>[length / 2 + 1]</c></param>
    public void Magnitude(ReadOnlySpan<double> samples, Span<double> magnitudes)
    {
        for (var i = 0; i < half; i++)
        {
            re[reversed[i]] = samples[2 * i];
            im[reversed[i]] = samples[2 * i + 1];
        }

        Transform();
        magnitudes[0] = Math.Abs(re[0] + im[0]);
        magnitudes[half] = Math.Abs(re[0] - im[0]);
        for (var k = 1; k < half; k++)
        {
            // Z = E + iO of the even and odd samples; E and O are transforms of real sequences, so E[-k] = conj E[k].
            var mirror = half - k;
            var evenRe = 0.5 * (re[k] + re[mirror]);
            var evenIm = 0.5 * (im[k] - im[mirror]);
            var oddRe = 0.5 * (im[k] + im[mirror]);
            var oddIm = 0.5 * (re[mirror] - re[k]);
            var x = evenRe + cosines[k] * oddRe - sines[k] * oddIm;
            var y = evenIm + cosines[k] * oddIm + sines[k] * oddRe;
            magnitudes[k] = Math.Sqrt(x * x + y * y);
        }
    }

    /// <summary>Radix-2 decimation in time over the bit-reversed contents of <see cref="re"/> and <see cref="im"/>.</summary>
    private void Transform()
    {
        for (var size = 2; size <= half; size *= 2)
        {
            var reach = size / 2;
            var stride = 2 * half / size;
            for (var start = 0; start < half; start += size)
            {
                for (var j = 0; j < reach; j++)
                {
                    var (c, s) = (cosines[j * stride], sines[j * stride]);
                    var (low, high) = (start + j, start + j + reach);
                    var x = c * re[high] - s * im[high];
                    var y = c * im[high] + s * re[high];
                    (re[high], im[high]) = (re[low] - x, im[low] - y);
                    (re[low], im[low]) = (re[low] + x, im[low] + y);
                }
            }
        }
    }
}
