namespace AuralSam2.Media;

/// <summary>
/// Changes the rate of a sound by band-limited interpolation: a sinc under a Kaiser window (J. O. Smith, "Digital Audio Resampling"),
/// evaluated once per phase of the ratio of the two rates, summed in float64.
/// </summary>
/// <remarks>
/// Half-length, window and cut-off are those of resampy's filter "kaiser_best", which the front end of VGGish uses. Flat within 2e-5
/// up to 0.88 of the lower Nyquist frequency; from 1.025 of it on at least 80 dB down.
/// </remarks>
public static class Resampler
{
    /// <summary>Half-length of the filter, in samples of the lower rate.</summary>
    private const int ZeroCrossings = 64;

    private const double KaiserBeta = 14.769656459379492;

    /// <summary>Cut-off over the lower Nyquist frequency: leaves the filter room to fall.</summary>
    private const double RollOff = 0.9475937167399596;

    /// <summary>Coefficients that are kept; a ratio with more phases than fit computes them anew for every sample.</summary>
    private const long TableLimit = 8L << 20;

    /// <summary>Resamples all channels.</summary>
    /// <param name="sound">Any rate.</param>
    /// <param name="rate">Samples per second of the result, at least 1.</param>
    /// <param name="threads">Threads that share the work; -1 takes all processors.</param>
    /// <returns>
    /// ceil(length * rate / old rate) samples: sample i stands at i / rate seconds, and the last one is the last that lies inside the
    /// sound. Outside of itself the sound counts as silence. The same object where the rate is already right.
    /// </returns>
    public static Waveform Resample(Waveform sound, int rate, int threads = -1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rate, 1);
        if (rate == sound.SampleRate) return sound;
        var filter = new PolyphaseFilter(sound.SampleRate, rate);
        return new Waveform(rate, [.. sound.Channels.Select(channel => filter.Apply(channel, threads))]);
    }

    /// <summary>Output n stands at input n * down / up: whole part = where the filter lies, remainder = its phase, one of up.</summary>
    private sealed class PolyphaseFilter
    {
        private readonly int up;
        private readonly int down;

        /// <summary>Bandwidth over the input's: below 1 when the rate falls.</summary>
        private readonly double scale;

        /// <summary>Inputs on each side of the filter's centre.</summary>
        private readonly int reach;

        private readonly double windowAtZero = BesselI0(KaiserBeta);
        private readonly double[]?[]? phases;

        public PolyphaseFilter(int from, int to)
        {
            var divisor = Divisor(from, to);
            up = to / divisor;
            down = from / divisor;
            scale = Math.Min(1.0, (double)to / from);
            reach = (int)Math.Ceiling(ZeroCrossings / scale);
            phases = (long)up * 2 * reach <= TableLimit ? new double[up][] : null;
        }

        public float[] Apply(float[] input, int threads)
        {
            // Zeros on both sides spare every sum the question where the sound ends.
            var padded = new double[input.Length + 2 * reach];
            for (var i = 0; i < input.Length; i++) padded[reach + i] = input[i];
            var output = new float[checked((int)(((long)input.Length * up + down - 1) / down))];
            Parallel.For(0, output.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, n =>
            {
                var (centre, phase) = Math.DivRem((long)n * down, up);
                var coefficients = Phase((int)phase);

                // Coefficient k belongs to input centre - reach + 1 + k.
                output[n] = (float)Dot(padded.AsSpan((int)centre + 1, coefficients.Length), coefficients);
            });
            return output;
        }

        private double[] Phase(int phase)
        {
            if (phases is null) return Coefficients(phase);
            return phases[phase] ??= Coefficients(phase); // two threads that meet here compute the same values
        }

        private double[] Coefficients(int phase)
        {
            var coefficients = new double[2 * reach];
            var sum = 0.0;
            for (var k = 0; k < coefficients.Length; k++)
            {
                var distance = (k + 1 - reach - (double)phase / up) * scale;
                sum += coefficients[k] = WindowedSinc(distance);
            }

            // The sum is already 1 / scale to about 1e-7; a constant now stays the same constant.
            for (var k = 0; k < coefficients.Length; k++) coefficients[k] /= sum;
            return coefficients;
        }

        private double WindowedSinc(double x)
        {
            var edge = x / ZeroCrossings;
            if (Math.Abs(edge) >= 1) return 0;
            var angle = Math.PI * RollOff * x;
            var sinc = angle == 0 ? 1 : Math.Sin(angle) / angle;
            return RollOff * sinc * BesselI0(KaiserBeta * Math.Sqrt(1 - edge * edge)) / windowAtZero;
        }

        private static double Dot(ReadOnlySpan<double> samples, double[] coefficients)
        {
            // Two chains hide the latency of the additions; the length is even.
            double even = 0, odd = 0;
            for (var k = 0; k < coefficients.Length; k += 2)
            {
                even += samples[k] * coefficients[k];
                odd += samples[k + 1] * coefficients[k + 1];
            }

            return even + odd;
        }

        private static int Divisor(int a, int b) => b == 0 ? a : Divisor(b, a % b);

        /// <summary>Modified Bessel function of the first kind, order 0: the sum of ((x / 2)^k / k!)^2.</summary>
        private static double BesselI0(double x)
        {
            double sum = 1, term = 1;
            for (var k = 1; term > sum * 1e-17; k++)
            {
                term *= x / (2 * k) * (x / (2 * k));
                sum += term;
            }

            return sum;
        }
    }
}
