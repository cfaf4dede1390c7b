using System.Numerics;
using System.Runtime.InteropServices;

namespace AuralSam2.Media;

/// <summary>
/// Resizes 8-bit pictures to the bit as Pillow's <c>Image.resize</c> does, because the models were trained on pictures that went
/// through it: two passes, the first rounded back to 8 bits, with coefficients in fixed point.
/// </summary>
public static class PillowResize
{
    /// <summary>Fractional bits of a coefficient: 32, less 8 of a pixel, less 2 for what overshooting coefficients add.</summary>
    private const int PrecisionBits = 32 - 8 - 2;

    private const int Half = 1 << (PrecisionBits - 1);
    private const int Channels = 3;
    private const double BicubicSupport = 2;

    /// <summary>Resizes with the cubic of a = -1/2 (Keys 1981), stretched when shrinking so that every pixel counts.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="width">Pixels of one row of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <param name="threads">Threads that share the work; -1 takes all processors.</param>
    /// <returns>A picture of that size; the same object where the size is already right.</returns>
    public static RgbImage Bicubic(RgbImage image, int width, int height, int threads = -1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (width != image.Width) image = Horizontal(image, new Taps(image.Width, width), threads);
        if (height != image.Height) image = Vertical(image, new Taps(image.Height, height), threads);
        return image;
    }

    private static RgbImage Horizontal(RgbImage image, Taps taps, int threads)
    {
        var width = taps.Outputs;
        var result = new byte[checked(width * image.Height * Channels)];
        Parallel.For(0, image.Height, new ParallelOptions { MaxDegreeOfParallelism = threads }, y =>
        {
            var source = image.Pixels.AsSpan(y * image.Width * Channels, image.Width * Channels);
            var target = result.AsSpan(y * width * Channels, width * Channels);
            for (var x = 0; x < width; x++)
            {
                int red = Half, green = Half, blue = Half;
                var at = taps.First[x] * Channels;
                foreach (var weight in taps.Of(x))
                {
                    red += source[at] * weight;
                    green += source[at + 1] * weight;
                    blue += source[at + 2] * weight;
                    at += Channels;
                }

                target[x * Channels] = Clip(red);
                target[x * Channels + 1] = Clip(green);
                target[x * Channels + 2] = Clip(blue);
            }
        });
        return new RgbImage(width, image.Height, result);
    }

    private static RgbImage Vertical(RgbImage image, Taps taps, int threads)
    {
        var row = image.Width * Channels;
        var result = new byte[checked(row * taps.Outputs)];
        Parallel.For(0, taps.Outputs, new ParallelOptions { MaxDegreeOfParallelism = threads }, () => new int[row], (y, _, sums) =>
        {
            Array.Fill(sums, Half);
            var source = taps.First[y] * row;
            foreach (var weight in taps.Of(y))
            {
                AddScaled(image.Pixels.AsSpan(source, row), weight, sums);
                source += row;
            }

            Clip(sums, result.AsSpan(y * row, row));
            return sums;
        }, _ => { });
        return new RgbImage(image.Width, taps.Outputs, result);
    }

    /// <summary>sums += weight * pixels.</summary>
    private static void AddScaled(ReadOnlySpan<byte> pixels, int weight, Span<int> sums)
    {
        var blocks = MemoryMarshal.Cast<byte, Vector<byte>>(pixels);
        var lanes = MemoryMarshal.Cast<int, Vector<int>>(sums);
        for (var b = 0; b < blocks.Length; b++)
        {
            Vector.Widen(blocks[b], out var low, out var high);
            Vector.Widen(low, out var first, out var second);
            Vector.Widen(high, out var third, out var fourth);
            lanes[4 * b] += Vector.AsVectorInt32(first) * weight;
            lanes[4 * b + 1] += Vector.AsVectorInt32(second) * weight;
            lanes[4 * b + 2] += Vector.AsVectorInt32(third) * weight;
            lanes[4 * b + 3] += Vector.AsVectorInt32(fourth) * weight;
        }

        for (var i = blocks.Length * Vector<byte>.Count; i < pixels.Length; i++) sums[i] += pixels[i] * weight;
    }

    private static void Clip(ReadOnlySpan<int> sums, Span<byte> pixels)
    {
        var lanes = MemoryMarshal.Cast<int, Vector<int>>(sums);
        var blocks = MemoryMarshal.Cast<byte, Vector<byte>>(pixels);
        for (var b = 0; b < blocks.Length; b++)
        {
            var low = Vector.Narrow(ClipLanes(lanes[4 * b]), ClipLanes(lanes[4 * b + 1]));
            var high = Vector.Narrow(ClipLanes(lanes[4 * b + 2]), ClipLanes(lanes[4 * b + 3]));
            blocks[b] = Vector.Narrow(low, high);
        }

        for (var i = blocks.Length * Vector<byte>.Count; i < pixels.Length; i++) pixels[i] = Clip(sums[i]);
    }

    private static Vector<uint> ClipLanes(Vector<int> sums) =>
        Vector.AsVectorUInt32(Vector.Max(Vector<int>.Zero, Vector.Min(sums >> PrecisionBits, new Vector<int>(255))));

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    /// <summary>For every output along one axis: the first input that counts, and the weights of it and those after it.</summary>
    private sealed class Taps
    {
        private readonly int[] weights;
        private readonly int[] counts;
        private readonly int most;

        public Taps(int inputs, int outputs)
        {
            Outputs = outputs;
            var scale = (double)inputs / outputs;
            var stretch = Math.Max(scale, 1);
            var support = BicubicSupport * stretch;
            most = (int)Math.Ceiling(support) * 2 + 1;
            First = new int[outputs];
            counts = new int[outputs];
            weights = new int[outputs * most];
            var exact = new double[most];
            for (var o = 0; o < outputs; o++)
            {
                // The order of these operations decides last bits; it is Pillow's.
                var centre = (o + 0.5) * scale;
                var inverse = 1 / stretch;
                First[o] = Math.Max(0, (int)(centre - support + 0.5));
                counts[o] = Math.Min(inputs, (int)(centre + support + 0.5)) - First[o];
                var sum = 0.0;
                for (var k = 0; k < counts[o]; k++) sum += exact[k] = Cubic((k + First[o] - centre + 0.5) * inverse);
                for (var k = 0; k < counts[o]; k++)
                {
                    var weight = exact[k] / sum * (1 << PrecisionBits);
                    weights[o * most + k] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
                }
            }
        }

        public int Outputs { get; }

        public int[] First { get; }

        public ReadOnlySpan<int> Of(int output) => weights.AsSpan(output * most, counts[output]);
    }
}
