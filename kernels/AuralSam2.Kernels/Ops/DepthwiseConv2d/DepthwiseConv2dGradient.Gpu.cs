using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of a depthwise convolution on a GPU. For dx a thread owns four channels of four neighbouring pixels; for the taps, four
/// channels of up to four neighbouring taps and a chunk of lines, where each pixel of x that is read serves all of these taps.
/// </summary>
internal static class DepthwiseConv2dGradientGpu
{
    private const int Pixels = 4;
    private const int Taps = 4;

    /// <summary>Threads that the sums of taps are shared out to, as long as a chunk has a line.</summary>
    private const int WantedThreads = 1 << 18;

    public static readonly GpuKernel<PixelArguments> PixelKernel = new(DepthwiseBackPixels, groupSize: 128);
    public static readonly GpuKernel<TapArguments> TapKernel = new(DepthwiseBackTaps, groupSize: 128);

    /// <summary>Arguments of <see cref="DepthwiseBackPixels"/>.</summary>
    /// <param name="Dy"><c>[images * height * width, channels]</c>.</param>
    /// <param name="Turned"><c>[kernel * kernel, channels]</c>, the last tap first.</param>
    /// <param name="Dx">As dy; added to.</param>
    /// <param name="Height">Rows of an image.</param>
    /// <param name="Width">Pixels of a row.</param>
    /// <param name="Kernel">Edge of the kernel.</param>
    /// <param name="Runs">Runs of pixels in a row.</param>
    /// <param name="Walk">Over images * height * runs, and channels.</param>
    public readonly record struct PixelArguments(
        RowView Dy, RowView Turned, RowView Dx, int Height, int Width, int Kernel, int Runs, RowQuads Walk);

    /// <summary>Arguments of <see cref="DepthwiseBackTaps"/>.</summary>
    /// <param name="Dy"><c>[images * height * width, channels]</c>.</param>
    /// <param name="X">As dy.</param>
    /// <param name="Sums"><c>[chunks * kernel * kernel, channels]</c>.</param>
    /// <param name="Height">Rows of an image.</param>
    /// <param name="Width">Pixels of a row.</param>
    /// <param name="Kernel">Edge of the kernel.</param>
    /// <param name="ChunkLines">Lines of a chunk, of all images.</param>
    /// <param name="Walk">Over chunks * kernel * blocks of taps in a row of the kernel, and channels.</param>
    public readonly record struct TapArguments(
        RowView Dy, RowView X, RowView Sums, int Height, int Width, int Kernel, int ChunkLines, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor dy, Tensor x, Tensor turned, int kernel, Tensor dx, Tensor taps)
    {
        var (height, width) = (dy.Shape[^3], dy.Shape[^2]);
        if (!dx.IsEmpty)
        {
            var runs = (width + Pixels - 1) / Pixels;
            var walk = RowQuads.Of(dy.Rows / width * runs, dy.Columns, dy, turned, dx);
            var size = device.GroupSize(PixelKernel);
            device.Launch(
                PixelKernel, walk.Groups(size), size, 0,
                new PixelArguments(device.Rows(dy), device.Rows(turned), device.Rows(dx), height, width, kernel, runs, walk));
        }

        if (taps.IsEmpty) return;
        using var scope = device.Scope();
        var sums = SumTaps(device, dy, x, kernel);
        RowSum.Run(device, sums, taps);
    }

    /// <summary>The sums of chunks of lines, <c>[chunks * kernel * kernel, channels]</c>; rented.</summary>
    internal static Tensor SumTaps(IlgpuDevice device, Tensor dy, Tensor x, int kernel)
    {
        var (height, width, lines) = (dy.Shape[^3], dy.Shape[^2], dy.Rows / dy.Shape[^2]);
        var tapRows = kernel * ((kernel + Taps - 1) / Taps);
        var chunks = Math.Clamp(WantedThreads / (tapRows * ((dy.Columns + 3) / 4)), 1, lines);
        var chunkLines = (lines + chunks - 1) / chunks;
        chunks = (lines + chunkLines - 1) / chunkLines;
        var sums = device.Rent(chunks * kernel * kernel, dy.Columns);
        var walk = RowQuads.Of(chunks * tapRows, dy.Columns, dy, x, sums);
        var size = device.GroupSize(TapKernel);
        device.Launch(
            TapKernel, walk.Groups(size), size, 0,
            new TapArguments(device.Rows(dy), device.Rows(x), device.Rows(sums), height, width, kernel, chunkLines, walk));
        return sums;
    }

    internal static void DepthwiseBackPixels(PixelArguments arguments)
    {
        var (run, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        if (quad.IsVector) Convolve(arguments, run, quad.AsVector);
        else Convolve(arguments, run, quad.AsScalars);
    }

    internal static void DepthwiseBackTaps(TapArguments arguments)
    {
        var (item, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        if (quad.IsVector) Correlate(arguments, item, quad.AsVector);
        else Correlate(arguments, item, quad.AsScalars);
    }

    private static void Convolve(PixelArguments arguments, int run, ColumnQuad quad)
    {
        var (width, kernel, half) = (arguments.Width, arguments.Kernel, arguments.Kernel / 2);
        var row = run / arguments.Runs; // of all images, one below the other
        var x0 = (run - (row * arguments.Runs)) * Pixels;
        var y = row % arguments.Height;
        var (first, count) = (row * width, width - x0);
        // dx is read first: nothing has to wait for it at the end.
        var sums = new Quad(
            arguments.Dx.Load(first + x0, quad),
            count > 1 ? arguments.Dx.Load(first + x0 + 1, quad) : default,
            count > 2 ? arguments.Dx.Load(first + x0 + 2, quad) : default,
            count > 3 ? arguments.Dx.Load(first + x0 + 3, quad) : default);
        var lastTap = IntrinsicMath.Min(kernel, arguments.Height + half - y);
        for (var ky = IntrinsicMath.Max(0, half - y); ky < lastTap; ky++)
        {
            var (line, left) = ((row + ky - half) * width, x0 - half);
            Float4 p0 = Pixel(arguments.Dy, line, left, width, quad), p1 = Pixel(arguments.Dy, line, left + 1, width, quad);
            var p2 = Pixel(arguments.Dy, line, left + 2, width, quad);
            for (var kx = 0; kx < kernel; kx++)
            {
                var p3 = Pixel(arguments.Dy, line, left + kx + 3, width, quad);
                sums = sums.AddWeighted(arguments.Turned.Load((ky * kernel) + kx, quad), p0, p1, p2, p3);
                (p0, p1, p2) = (p1, p2, p3);
            }
        }

        arguments.Dx.Store(first + x0, quad, sums.Row0);
        if (count > 1) arguments.Dx.Store(first + x0 + 1, quad, sums.Row1);
        if (count > 2) arguments.Dx.Store(first + x0 + 2, quad, sums.Row2);
        if (count > 3) arguments.Dx.Store(first + x0 + 3, quad, sums.Row3);
    }

    private static void Correlate(TapArguments arguments, int item, ColumnQuad quad)
    {
        var (width, kernel, half) = (arguments.Width, arguments.Kernel, arguments.Kernel / 2);
        var blocks = (kernel + Taps - 1) / Taps;
        var chunk = item / (kernel * blocks);
        var tapRow = item - (chunk * kernel * blocks);
        var ky = tapRow / blocks;
        var kx = (tapRow - (ky * blocks)) * Taps;
        Quad sums = default;
        var firstLine = chunk * arguments.ChunkLines;
        var endLine = IntrinsicMath.Min(arguments.Dy.Rows / width, firstLine + arguments.ChunkLines);
        for (var line = firstLine; line < endLine; line++)
        {
            if ((uint)((line % arguments.Height) + ky - half) >= (uint)arguments.Height) continue;
            var (pixels, left) = ((line + ky - half) * width, kx - half);
            Float4 x0 = Pixel(arguments.X, pixels, left, width, quad), x1 = Pixel(arguments.X, pixels, left + 1, width, quad);
            var x2 = Pixel(arguments.X, pixels, left + 2, width, quad);
            for (var column = 0; column < width; column++)
            {
                var x3 = Pixel(arguments.X, pixels, left + column + 3, width, quad);
                sums = sums.AddWeighted(arguments.Dy.Load((line * width) + column, quad), x0, x1, x2, x3);
                (x0, x1, x2) = (x1, x2, x3);
            }
        }

        var target = (chunk * kernel * kernel) + (ky * kernel) + kx;
        arguments.Sums.Store(target, quad, sums.Row0);
        if (kx + 1 < kernel) arguments.Sums.Store(target + 1, quad, sums.Row1);
        if (kx + 2 < kernel) arguments.Sums.Store(target + 2, quad, sums.Row2);
        if (kx + 3 < kernel) arguments.Sums.Store(target + 3, quad, sums.Row3);
    }

    /// <summary>A pixel of a line that begins at row <paramref name="line"/>; zeros left and right of it.</summary>
    private static Float4 Pixel(RowView image, int line, int column, int width, ColumnQuad quad) =>
        (uint)column < (uint)width ? image.Load(line + column, quad) : default;
}
