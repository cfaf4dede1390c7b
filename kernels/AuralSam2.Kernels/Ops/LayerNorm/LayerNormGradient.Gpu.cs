using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The gradient of a layer norm on a GPU. Lanes share a row, as forward, and leave its mean and deviation; a second kernel walks down
/// stretches of rows for weight and bias, a thread for four channels, and <see cref="RowSumGpu"/> adds the stretches in order.
/// </summary>
internal static class LayerNormGradientGpu
{
    private const int Threads = 128;

    /// <summary>Rows of a stretch.</summary>
    private const int Stretch = 64;

    public static readonly GpuKernel<RowArguments> RowKernel = new(LayerNormGradientRows, Threads, maxSharedFloats: Threads);
    public static readonly GpuKernel<AffineArguments> AffineKernel = new(LayerNormGradientAffine, Threads);

    /// <summary>Arguments of <see cref="LayerNormGradientRows"/>.</summary>
    /// <param name="Dy"><c>[rows, channels]</c>.</param>
    /// <param name="X"><c>[rows, channels]</c>.</param>
    /// <param name="Dx"><c>[rows, channels]</c>; no rows when not wanted.</param>
    /// <param name="Weight"><c>[1, channels]</c>.</param>
    /// <param name="Statistics"><c>[rows, 2]</c>: mean and 1 / deviation.</param>
    /// <param name="Epsilon">Added to the variance.</param>
    /// <param name="Kept">1 adds to what dx holds, 0 replaces it.</param>
    /// <param name="Lanes">Threads that share a row.</param>
    /// <param name="Vector">See <see cref="ColumnQuad"/>.</param>
    public readonly record struct RowArguments(
        RowView Dy, RowView X, RowView Dx, RowView Weight, RowView Statistics, float Epsilon, int Kept, int Lanes, int Vector);

    /// <summary>Arguments of <see cref="LayerNormGradientAffine"/>; sums are <c>[stretches, channels]</c>.</summary>
    public readonly record struct AffineArguments(RowView Dy, RowView X, RowView Statistics, RowView SumWeight, RowView SumBias, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor dy, Tensor x, in NormWeights norm, Tensor dx, Tensor dw, Tensor db)
    {
        using var scope = device.Scope();
        var (rows, channels) = (x.Rows, x.Columns);
        var statistics = device.Rent(rows, 2);
        var threads = device.GroupSize(RowKernel);
        var lanes = Math.Min(threads, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, (channels + 15) / 16)));
        var rowsEach = threads / lanes;
        var vector = dx.IsEmpty ? RowQuads.VectorOf(dy, x, norm.Weight) : RowQuads.VectorOf(dy, x, dx, norm.Weight);
        var kept = !dx.IsEmpty && dx.IsSameAs(dy) ? 0 : 1;
        var affine = !dw.IsEmpty || !db.IsEmpty;
        if (affine && kept == 0)
        {
            // dx takes dy's place: the other sums need it first.
            var copy = device.Rent(rows, channels);
            device.CopyCore(dy.Reshape(rows, channels), copy);
            dy = copy;
        }

        device.Launch(RowKernel, (rows + rowsEach - 1) / rowsEach, threads, threads, new RowArguments(
            device.Rows(dy), device.Rows(x), device.Rows(dx), device.Rows(norm.Weight), device.Rows(statistics), norm.Epsilon, kept, lanes, vector));
        if (!affine) return;

        var stretches = (rows + Stretch - 1) / Stretch;
        Tensor sumWeight = device.Rent(stretches, channels), sumBias = device.Rent(stretches, channels);
        var (walk, size) = (RowQuads.Of(stretches, channels, dy, x), device.GroupSize(AffineKernel));
        device.Launch(AffineKernel, walk.Groups(size), size, 0, new AffineArguments(
            device.Rows(dy), device.Rows(x), device.Rows(statistics), device.Rows(sumWeight), device.Rows(sumBias), walk));
        if (!dw.IsEmpty) RowSumGpu.Run(device, sumWeight, dw.Reshape(1, channels), 1f);
        if (!db.IsEmpty) RowSumGpu.Run(device, sumBias, db.Reshape(1, channels), 1f);
    }

    internal static void LayerNormGradientRows(RowArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<float>();
        var lanes = arguments.Lanes;
        var row = (Grid.IdxX * (Group.DimX / lanes)) + (Group.IdxX / lanes);
        // Lanes without a row take part in the sums: a barrier is for the whole group.
        var columns = row < arguments.X.Rows ? arguments.X.Columns : 0;
        var (first, step, channels) = ((Group.IdxX & (lanes - 1)) * 4, 4 * lanes, (float)arguments.X.Columns);

        var sum = 0f;
        for (var c = first; c < columns; c += step) sum += Sum(arguments.X.Load(row, Quad(arguments, c)));
        var mean = LaneSum.Of(partials, lanes, sum) / channels;
        sum = 0f;
        for (var c = first; c < columns; c += step)
        {
            var quad = Quad(arguments, c);
            var x = arguments.X.Load(row, quad);
            sum += Square(x.X - mean);
            if (quad.Count > 1) sum += Square(x.Y - mean);
            if (quad.Count > 2) sum += Square(x.Z - mean);
            if (quad.Count > 3) sum += Square(x.W - mean);
        }

        var rstd = 1f / MathF.Sqrt((LaneSum.Of(partials, lanes, sum) / channels) + arguments.Epsilon);
        float sumG = 0f, sumGn = 0f;
        for (var c = first; c < columns; c += step)
        {
            var quad = Quad(arguments, c);
            var g = Product(arguments.Dy.Load(row, quad), arguments.Weight.Load(0, quad)); // zeros behind the end
            sumG += Sum(g);
            sumGn += Sum(Product(g, Normalised(arguments.X.Load(row, quad), mean, rstd)));
        }

        var meanG = LaneSum.Of(partials, lanes, sumG) / channels;
        var meanGn = LaneSum.Of(partials, lanes, sumGn) / channels;
        if (columns == 0) return;
        if (first == 0)
        {
            arguments.Statistics[row, 0] = mean;
            arguments.Statistics[row, 1] = rstd;
        }

        if (arguments.Dx.Rows == 0) return;
        for (var c = first; c < columns; c += step)
        {
            var quad = Quad(arguments, c);
            var g = Product(arguments.Dy.Load(row, quad), arguments.Weight.Load(0, quad));
            var n = Normalised(arguments.X.Load(row, quad), mean, rstd);
            var dx = n.MultiplyAdd(-meanGn, g + new Float4(-meanG, -meanG, -meanG, -meanG)) * rstd;
            if (arguments.Kept != 0) dx += arguments.Dx.Load(row, quad);
            arguments.Dx.Store(row, quad, dx);
        }
    }

    internal static void LayerNormGradientAffine(AffineArguments arguments)
    {
        var (stretch, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        Float4 sumWeight = default, sumBias = default;
        var end = IntrinsicMath.Min((stretch + 1) * Stretch, arguments.X.Rows);
        for (var row = stretch * Stretch; row < end; row++)
        {
            var dy = arguments.Dy.Load(row, quad);
            sumBias += dy;
            var n = Normalised(arguments.X.Load(row, quad), arguments.Statistics[row, 0], arguments.Statistics[row, 1]);
            sumWeight += Product(dy, n);
        }

        var scalars = quad.AsScalars; // the sums are dense: their rows may start anywhere
        arguments.SumWeight.Store(stretch, scalars, sumWeight);
        arguments.SumBias.Store(stretch, scalars, sumBias);
    }

    private static ColumnQuad Quad(in RowArguments arguments, int column) => new(column, arguments.X.Columns - column, arguments.Vector);

    private static Float4 Normalised(Float4 x, float mean, float rstd) => (x + new Float4(-mean, -mean, -mean, -mean)) * rstd;

    private static Float4 Product(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    private static float Sum(Float4 v) => v.X + v.Y + (v.Z + v.W);

    private static float Square(float v) => v * v;
}
