using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Depthwise convolution on a GPU: a thread owns four channels of eight neighbouring pixels. Taps are taken four at a time: eleven pixels
/// and four weights are read for 128 multiply-adds, and seven of the pixels stay for the next four taps.
/// </summary>
internal static class DepthwiseConv2dGpu
{
    private const int Run = 8;

    public static readonly GpuKernel<Arguments> Kernel = new(DepthwiseConvolve, groupSize: 128);

    /// <summary>Arguments of <see cref="DepthwiseConvolve"/>.</summary>
    /// <param name="X"><c>[images * height * width, channels]</c>.</param>
    /// <param name="Taps"><c>[kernel * kernel, channels]</c>.</param>
    /// <param name="Bias"><c>[1, channels]</c>.</param>
    /// <param name="Y">As x.</param>
    /// <param name="Height">Rows of an image.</param>
    /// <param name="Width">Pixels of a row.</param>
    /// <param name="Kernel">Edge of the kernel.</param>
    /// <param name="Runs">Runs of pixels in a row.</param>
    /// <param name="Activation">Applied last.</param>
    /// <param name="Walk">Over images * height * runs, and channels.</param>
    public readonly record struct Arguments(
        RowView X, RowView Taps, RowView Bias, RowView Y, int Height, int Width, int Kernel, int Runs, Activation Activation, RowQuads Walk);

    public static void Forward(IlgpuDevice device, Tensor x, in DepthwiseWeights weights, Tensor y, Activation activation)
    {
        if (x.Length == 0) return;
        var (height, width) = (x.Shape[^3], x.Shape[^2]);
        var runs = (width + Run - 1) / Run;
        var walk = RowQuads.Of(x.Rows / width * runs, x.Columns, x, weights.Taps, weights.Bias, y);
        var arguments = new Arguments(
            device.Rows(x), device.Rows(weights.Taps), device.Rows(weights.Bias), device.Rows(y),
            height, width, weights.Kernel, runs, activation, walk);
        var size = device.GroupSize(Kernel);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void DepthwiseConvolve(Arguments arguments)
    {
        var (run, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        if (quad.IsVector) Convolve(arguments, run, quad.AsVector);
        else Convolve(arguments, run, quad.AsScalars);
    }

    private static void Convolve(Arguments arguments, int run, ColumnQuad quad)
    {
        var (kernel, half) = (arguments.Kernel, arguments.Kernel / 2);
        var row = run / arguments.Runs; // of all images, one below the other
        var x0 = (run - (row * arguments.Runs)) * Run;
        var y = row % arguments.Height;
        var bias = arguments.Bias.Load(0, quad);
        Quad left = new(bias, bias, bias, bias), right = left;
        var lastTap = IntrinsicMath.Min(kernel, arguments.Height + half - y);
        for (var ky = IntrinsicMath.Max(0, half - y); ky < lastTap; ky++)
        {
            var pixels = new QuadLine(arguments.X.From((row + ky - half) * arguments.Width), arguments.Width, arguments.X.Columns, x0 - half, quad);
            var taps = new QuadLine(arguments.Taps.From(ky * kernel), kernel, arguments.X.Columns, 0, quad);
            Float4 p0 = pixels[0], p1 = pixels[1], p2 = pixels[2], p3 = pixels[3], p4 = pixels[4], p5 = pixels[5], p6 = pixels[6];
            for (var kx = 0; kx < kernel; kx += 4)
            {
                Float4 w0 = taps[kx], w1 = taps[kx + 1], w2 = taps[kx + 2], w3 = taps[kx + 3];
                Float4 p7 = pixels[kx + 7], p8 = pixels[kx + 8], p9 = pixels[kx + 9], p10 = pixels[kx + 10];
                left = left.AddWeighted(w0, p0, p1, p2, p3);
                right = right.AddWeighted(w0, p4, p5, p6, p7);
                // No product with the zeros behind the last tap: their pixel may be a NaN, which this output does not see.
                if (kx + 1 < kernel)
                {
                    left = left.AddWeighted(w1, p1, p2, p3, p4);
                    right = right.AddWeighted(w1, p5, p6, p7, p8);
                }

                if (kx + 2 < kernel)
                {
                    left = left.AddWeighted(w2, p2, p3, p4, p5);
                    right = right.AddWeighted(w2, p6, p7, p8, p9);
                }

                if (kx + 3 < kernel)
                {
                    left = left.AddWeighted(w3, p3, p4, p5, p6);
                    right = right.AddWeighted(w3, p7, p8, p9, p10);
                }

                (p0, p1, p2, p3, p4, p5, p6) = (p4, p5, p6, p7, p8, p9, p10);
            }
        }

        // A loop, so that there is one copy of the activations' code.
        for (var i = 0; i < IntrinsicMath.Min(Run, arguments.Width - x0); i++)
        {
            var sums = i < 4 ? left : right;
            var value = (i & 2) == 0 ? ((i & 1) == 0 ? sums.Row0 : sums.Row1) : ((i & 1) == 0 ? sums.Row2 : sums.Row3);
            arguments.Y.Store((row * arguments.Width) + x0 + i, quad, SimtMath.Activate(arguments.Activation, value));
        }
    }

    /// <summary>
    /// The same four channels of places side by side (pixels of a row, taps of a kernel's row), counted from <paramref name="first"/> on;
    /// zeros to the left of place 0 and from place <paramref name="count"/> on.
    /// </summary>
    private readonly struct QuadLine(ArrayView<float> line, int count, int channels, int first, ColumnQuad quad)
    {
        public Float4 this[int index]
        {
            get
            {
                var place = first + index;
                if ((uint)place >= (uint)count) return default;
                return new ColumnQuad((place * channels) + quad.First, quad.Count, quad.Vector).Load(line);
            }
        }
    }
}
