using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Dot products of tokens and pixels on a GPU: lanes that stand side by side read a pixel's channels side by side. A thread has four pixels
/// and four tokens at a time, sixteen sums over its share of the channels, so that pixels are read once where there are at most four tokens.
/// </summary>
internal static class MaskProductGpu
{
    private const int Threads = 256;
    private const int MaxLaneBits = 3; // the 32 channels of SAM2's masks are eight quads

    public static readonly GpuKernel<Arguments> Kernel = new(MaskProductDots, Threads, SharedFloats(laneBits: 1, Threads));

    /// <summary>Arguments of <see cref="MaskProductDots"/>.</summary>
    /// <param name="Tokens"><c>[masks, channels]</c>.</param>
    /// <param name="Pixels"><c>[pixels, channels]</c>.</param>
    /// <param name="Y"><c>[masks, pixels]</c>.</param>
    /// <param name="LaneBits">2^LaneBits threads share a pixel.</param>
    /// <param name="Vector">See <see cref="ColumnQuad"/>.</param>
    public readonly record struct Arguments(RowView Tokens, RowView Pixels, ArrayView<float> Y, int LaneBits, int Vector);

    public static void Run(IlgpuDevice device, Tensor tokens, Tensor pixels, Tensor y)
    {
        if (y.Length == 0) return;
        var threads = device.GroupSize(Kernel);
        var lanes = Math.Min(threads, Math.Min(1 << MaxLaneBits, (int)BitOperations.RoundUpToPowerOf2((uint)(tokens.Columns + 3) / 4)));
        var laneBits = BitOperations.Log2((uint)lanes);
        var pixelsEach = 4 * threads >> laneBits;
        var arguments = new Arguments(device.Rows(tokens), device.Rows(pixels), device.View(y), laneBits, RowQuads.VectorOf(tokens, pixels));
        device.Launch(Kernel, (pixels.Rows + pixelsEach - 1) / pixelsEach, threads, SharedFloats(laneBits, threads), arguments);
    }

    internal static void MaskProductDots(Arguments arguments)
    {
        var partials = SharedMemory.GetDynamic<float>();
        var (bits, lanes) = (arguments.LaneBits, 1 << arguments.LaneBits);
        var (slots, slot, lane) = (Group.DimX >> bits, Group.IdxX >> bits, Group.IdxX & (lanes - 1));
        var pixels = 4 * slots;
        var first = Grid.IdxX * pixels;
        for (var token = 0; token < arguments.Tokens.Rows; token += 4)
        {
            var sums = Sums(arguments, first + slot, slots, token, lane * 4, lanes * 4);
            var at = (slot << bits) + slot + lane; // one float between pixels: banks of shared memory
            var next = (slots << bits) + slots;
            StoreTokens(partials, at, 4 * next, sums.Row0);
            StoreTokens(partials, at + next, 4 * next, sums.Row1);
            StoreTokens(partials, at + (2 * next), 4 * next, sums.Row2);
            StoreTokens(partials, at + (3 * next), 4 * next, sums.Row3);
            Group.Barrier();
            for (var e = Group.IdxX; e < 4 * pixels; e += Group.DimX)
            {
                var mask = token + (e / pixels);
                var pixel = first + (e & (pixels - 1));
                if (mask >= arguments.Tokens.Rows || pixel >= arguments.Pixels.Rows) continue;
                var sum = 0f;
                for (var l = 0; l < lanes; l++) sum += partials[(e << bits) + e + l];
                arguments.Y[((long)mask * arguments.Pixels.Rows) + pixel] = sum;
            }

            Group.Barrier();
        }
    }

    /// <summary>
    /// Rows are four pixels, <paramref name="stepPixel"/> apart; columns four tokens. Over the channels from <paramref name="channel"/> on, a
    /// quad every <paramref name="stepChannel"/>.
    /// </summary>
    private static Quad Sums(Arguments arguments, int pixel, int stepPixel, int token, int channel, int stepChannel)
    {
        Quad sums = default;
        for (var c = channel; c < arguments.Tokens.Columns; c += stepChannel)
        {
            var quad = new ColumnQuad(c, arguments.Tokens.Columns - c, arguments.Vector);
            sums = quad.IsVector
                ? AddProducts(sums, arguments, pixel, stepPixel, token, quad.AsVector)
                : AddProducts(sums, arguments, pixel, stepPixel, token, quad.AsScalars);
        }

        return sums;
    }

    private static Quad AddProducts(Quad sums, Arguments arguments, int pixel, int stepPixel, int token, ColumnQuad quad)
    {
        Float4 p0 = Load(arguments.Pixels, pixel, quad), p1 = Load(arguments.Pixels, pixel + stepPixel, quad);
        Float4 p2 = Load(arguments.Pixels, pixel + (2 * stepPixel), quad), p3 = Load(arguments.Pixels, pixel + (3 * stepPixel), quad);
        Float4 t0 = Load(arguments.Tokens, token, quad), t1 = Load(arguments.Tokens, token + 1, quad);
        Float4 t2 = Load(arguments.Tokens, token + 2, quad), t3 = Load(arguments.Tokens, token + 3, quad);
        return sums
            .AddOuter(new Float4(p0.X, p1.X, p2.X, p3.X), new Float4(t0.X, t1.X, t2.X, t3.X))
            .AddOuter(new Float4(p0.Y, p1.Y, p2.Y, p3.Y), new Float4(t0.Y, t1.Y, t2.Y, t3.Y))
            .AddOuter(new Float4(p0.Z, p1.Z, p2.Z, p3.Z), new Float4(t0.Z, t1.Z, t2.Z, t3.Z))
            .AddOuter(new Float4(p0.W, p1.W, p2.W, p3.W), new Float4(t0.W, t1.W, t2.W, t3.W));
    }

    /// <summary>The last row stands in for those behind it, whose sums nobody asks for: no load waits for a branch.</summary>
    private static Float4 Load(RowView rows, int row, ColumnQuad quad) => rows.Load(IntrinsicMath.Min(row, rows.Rows - 1), quad);

    private static void StoreTokens(ArrayView<float> partials, int at, int step, Float4 tokens)
    {
        partials[at] = tokens.X;
        partials[at + step] = tokens.Y;
        partials[at + (2 * step)] = tokens.Z;
        partials[at + (3 * step)] = tokens.W;
    }

    /// <summary>Four tokens of four pixels of a slot, each from all lanes and one float apart.</summary>
    private static int SharedFloats(int laneBits, int threads) => 16 * (threads >> laneBits) * ((1 << laneBits) + 1);
}
