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
    private const int Rgb = 3;

    /// <summary>Resizes with the cubic of a = -1/2 (Keys 1981), stretched when shrinking so that every pixel counts.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="width">Pixels of one row of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <param name="threads">Threads that share the work; -1 takes all processors.</param>
    /// <returns>A picture of that size; the same object where the size is already right.</returns>
    public static RgbImage Bicubic(RgbImage image, int width, int height, int threads = -1) =>
        Resize(image, width, height, new Filter(2, Cubic), threads);

    /// <summary>Resizes with a triangle, stretched when shrinking so that every pixel counts.</summary>
    /// <inheritdoc cref="Bicubic"/>
    public static RgbImage Bilinear(RgbImage image, int width, int height, int threads = -1) =>
        Resize(image, width, height, new Filter(1, Triangle), threads);

    /// <inheritdoc cref="Bilinear(RgbImage, int, int, int)"/>
    public static GrayImage Bilinear(GrayImage image, int width, int height, int threads = -1)
    {
        if ((width, height) == (image.Width, image.Height)) return image;
        var pixels = Resize(image.Pixels, image.Width, image.Height, 1, width, height, new Filter(1, Triangle), threads);
        return new GrayImage(width, height, pixels);
    }

    /// <summary>Resizes by taking the pixel under the centre of each pixel of the result.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="width">Pixels of one row of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <returns>A picture of that size; the same object where the size is already right.</returns>
    public static GrayImage Nearest(GrayImage image, int width, int height)
    {
        if ((width, height) == (image.Width, image.Height)) return image;
        var (columns, rows) = (Centres(image.Width, width), Centres(image.Height, height));
        var result = new byte[checked(width * height)];
        for (var y = 0; y < height; y++)
        {
            var source = image.Pixels.AsSpan(rows[y] * image.Width, image.Width);
            var target = result.AsSpan(y * width, width);
            for (var x = 0; x < width; x++) target[x] = source[columns[x]];
        }

        return new GrayImage(width, height, result);
    }

    private static int[] Centres(int inputs, int outputs)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(outputs, 1);
        var step = (double)inputs / outputs;
        var at = step * 0.5;
        var centres = new int[outputs];
        for (var o = 0; o < outputs; o++)
        {
            centres[o] = Math.Min((int)at, inputs - 1);
            at += step; // added up and not multiplied, as in Pillow: it decides ties
        }

        return centres;
    }

    private static RgbImage Resize(RgbImage image, int width, int height, Filter filter, int threads)
    {
        if ((width, height) == (image.Width, image.Height)) return image;
        return new RgbImage(width, height, Resize(image.Pixels, image.Width, image.Height, Rgb, width, height, filter, threads));
    }

    private static byte[] Resize(
        byte[] pixels, int fromWidth, int fromHeight, int channels, int width, int height, Filter filter, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (width != fromWidth) pixels = Horizontal(pixels, fromHeight, channels, new Taps(fromWidth, width, filter), threads);
        if (height != fromHeight) pixels = Vertical(pixels, width * channels, new Taps(fromHeight, height, filter), threads);
        return pixels;
    }

    private static byte[] Horizontal(byte[] pixels, int height, int channels, Taps taps, int threads)
    {
        var (inputs, outputs) = (taps.Inputs * channels, taps.Outputs * channels);
        var result = new byte[checked(outputs * height)];
        Parallel.For(0, height, new ParallelOptions { MaxDegreeOfParallelism = threads }, y =>
        {
            var source = pixels.AsSpan(y * inputs, inputs);
            var target = result.AsSpan(y * outputs, outputs);
            if (channels == 1) HorizontalGray(source, taps, target);
            else HorizontalRgb(source, taps, target);
        });
        return result;
    }

    private static void HorizontalRgb(ReadOnlySpan<byte> source, Taps taps, Span<byte> target)
    {
        for (var x = 0; x < taps.Outputs; x++)
        {
            int red = Half, green = Half, blue = Half;
            var at = taps.First[x] * Rgb;
            foreach (var weight in taps.Of(x))
            {
                red += source[at] * weight;
                green += source[at + 1] * weight;
                blue += source[at + 2] * weight;
                at += Rgb;
            }

            target[x * Rgb] = Clip(red);
            target[x * Rgb + 1] = Clip(green);
            target[x * Rgb + 2] = Clip(blue);
        }
    }

    private static void HorizontalGray(ReadOnlySpan<byte> source, Taps taps, Span<byte> target)
    {
        for (var x = 0; x < taps.Outputs; x++)
        {
            var sum = Half;
            var at = taps.First[x];
            foreach (var weight in taps.Of(x)) sum += source[at++] * weight;
            target[x] = Clip(sum);
        }
    }

    /// <summary>Along columns; <paramref name="row"/> is what a row holds, in bytes.</summary>
    private static byte[] Vertical(byte[] pixels, int row, Taps taps, int threads)
    {
        var result = new byte[checked(row * taps.Outputs)];
        Parallel.For(0, taps.Outputs, new ParallelOptions { MaxDegreeOfParallelism = threads }, () => new int[row], (y, _, sums) =>
        {
            Array.Fill(sums, Half);
            var source = taps.First[y] * row;
            foreach (var weight in taps.Of(y))
            {
                AddScaled(pixels.AsSpan(source, row), weight, sums);
                source += row;
            }

            Clip(sums, result.AsSpan(y * row, row));
            return sums;
        }, _ => { });
        return result;
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

    private static double Triangle(double x) => Math.Max(0, 1 - Math.Abs(x));

    /// <summary>A kernel, and how far from its centre it ends.</summary>
    private readonly record struct Filter(double Support, Func<double, double> Value);

    /// <summary>For every output along one axis: the first input that counts, and the weights of it and those after it.</summary>
    private sealed class Taps
    {
        private readonly int[] weights;
        private readonly int[] counts;
        private readonly int most;

        public Taps(int inputs, int outputs, Filter filter)
        {
            Inputs = inputs;
            Outputs = outputs;
            var scale = (double)inputs / outputs;
            var stretch = Math.Max(scale, 1);
            var support = filter.Support * stretch;
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
                for (var k = 0; k < counts[o]; k++) sum += exact[k] = filter.Value((k + First[o] - centre + 0.5) * inverse);
                for (var k = 0; k < counts[o]; k++)
                {
                    var weight = exact[k] / sum * (1 << PrecisionBits);
                    weights[o * most + k] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
                }
            }
        }

        public int Inputs { get; }

        public int Outputs { get; }

        public int[] First { get; }

        public ReadOnlySpan<int> Of(int output) => weights.AsSpan(output * most, counts[output]);
    }
}
