using System.Numerics;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Fourier transforms of real sequences whose length is a power of two, in float64, one sequence in each lane of a vector: the even and
/// odd samples become the real and imaginary parts of a complex transform of half the length, which is then unpicked by symmetry.
/// </summary>
internal sealed class RealFft
{
    private readonly int half;
    private readonly int[] reversed;
    private readonly double[] cosines;
    private readonly double[] sines;
    private readonly Vector<double>[] re;
    private readonly Vector<double>[] im;

    /// <param name="length">Samples, a power of two, at least 8.</param>
    public RealFft(int length)
    {
        if (length < 8 || !int.IsPow2(length)) throw new ArgumentException($"{length} is no power of two from 8 up", nameof(length));
        half = length / 2;
        reversed = new int[half];
        var bits = int.Log2(half);
        for (var i = 0; i < half; i++)
            for (var b = 0; b < bits; b++) reversed[i] |= ((i >> b) & 1) << (bits - 1 - b);

        // e^(-2 pi i k / length): the complex transform of half the length uses every second of them.
        cosines = new double[half];
        sines = new double[half];
        for (var k = 0; k < half; k++) (sines[k], cosines[k]) = Math.SinCos(-2 * Math.PI * k / length);
        re = new Vector<double>[half];
        im = new Vector<double>[half];
    }

    /// <summary>Magnitudes of the bins 0 .. length / 2.</summary>
    /// <param name="samples"><c>[length]</c></param>
    /// <param name="magnitudes"><c>[length / 2 + 1]</c></param>
    public void Magnitude(ReadOnlySpan<Vector<double>> samples, Span<Vector<double>> magnitudes)
    {
        for (var i = 0; i < half; i += 4) FirstTwoSteps(samples, i);
        Transform();
        magnitudes[0] = Vector.Abs(re[0] + im[0]);
        magnitudes[half] = Vector.Abs(re[0] - im[0]);
        var middle = new Vector<double>(0.5);
        for (var k = 1; k < half; k++)
        {
            // Z = E + iO of the even and odd samples; E and O are transforms of real sequences, so E[-k] = conj E[k].
            var mirror = half - k;
            var evenRe = middle * (re[k] + re[mirror]);
            var evenIm = middle * (im[k] - im[mirror]);
            var oddRe = middle * (im[k] + im[mirror]);
            var oddIm = middle * (re[mirror] - re[k]);
            Vector<double> c = new(cosines[k]), s = new(sines[k]);
            var x = evenRe + c * oddRe - s * oddIm;
            var y = evenIm + c * oddIm + s * oddRe;
            magnitudes[k] = Vector.SquareRoot(x * x + y * y);
        }
    }

    /// <summary>Fetches four values in bit-reversed order and transforms them: sizes 2 and 4, whose factors are 1 and -i.</summary>
    private void FirstTwoSteps(ReadOnlySpan<Vector<double>> samples, int at)
    {
        int i0 = 2 * reversed[at], i1 = 2 * reversed[at + 1], i2 = 2 * reversed[at + 2], i3 = 2 * reversed[at + 3];
        Vector<double> sumRe0 = samples[i0] + samples[i1], sumIm0 = samples[i0 + 1] + samples[i1 + 1];
        Vector<double> differenceRe0 = samples[i0] - samples[i1], differenceIm0 = samples[i0 + 1] - samples[i1 + 1];
        Vector<double> sumRe1 = samples[i2] + samples[i3], sumIm1 = samples[i2 + 1] + samples[i3 + 1];
        Vector<double> differenceRe1 = samples[i2] - samples[i3], differenceIm1 = samples[i2 + 1] - samples[i3 + 1];
        (re[at], im[at]) = (sumRe0 + sumRe1, sumIm0 + sumIm1);
        (re[at + 1], im[at + 1]) = (differenceRe0 + differenceIm1, differenceIm0 - differenceRe1);
        (re[at + 2], im[at + 2]) = (sumRe0 - sumRe1, sumIm0 - sumIm1);
        (re[at + 3], im[at + 3]) = (differenceRe0 - differenceIm1, differenceIm0 + differenceRe1);
    }

    /// <summary>Radix-2 decimation in time, from size 8 on, over <see cref="re"/> and <see cref="im"/>.</summary>
    private void Transform()
    {
        for (var size = 8; size <= half; size *= 2)
        {
            var reach = size / 2;
            var stride = 2 * half / size;
            for (var start = 0; start < half; start += size)
            {
                Span<Vector<double>> lowRe = re.AsSpan(start, reach), lowIm = im.AsSpan(start, reach);
                Span<Vector<double>> highRe = re.AsSpan(start + reach, reach), highIm = im.AsSpan(start + reach, reach);
                for (var j = 0; j < reach; j++)
                {
                    Vector<double> c = new(cosines[j * stride]), s = new(sines[j * stride]);
                    var x = c * highRe[j] - s * highIm[j];
                    var y = c * highIm[j] + s * highRe[j];
                    (highRe[j], highIm[j]) = (lowRe[j] - x, lowIm[j] - y);
                    (lowRe[j], lowIm[j]) = (lowRe[j] + x, lowIm[j] + y);
                }
            }
        }
    }
}
