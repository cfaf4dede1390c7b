using System.Numerics;
using System.Runtime.CompilerServices;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Layer norm on a GPU: up to a warp of lanes shares a row, a group takes several rows. A lane keeps its first four quads of a row in
/// registers, which is all of them up to 512 channels; of longer rows it reads the others again for each pass, from the first-level cache.
/// </summary>
internal static class LayerNormGpu
{
    private const int Threads = 128;

    /// <summary>Quads that a lane keeps.</summary>
    private const int Kept = 4;

    public static readonly GpuKernel<Arguments> Kernel = new(LayerNormRows, Threads);

    /// <summary>Arguments of <see cref="LayerNormRows"/>.</summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="add">Added to x first; no rows when absent.</param>
    /// <param name="y"><c>[rows, channels]</c>; may be x.</param>
    /// <param name="weight"><c>[1, channels]</c>.</param>
    /// <param name="bias"><c>[1, channels]</c>.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="activation">Applied last.</param>
    /// <param name="laneBits">log2 of the threads that share a row.</param>
    public readonly struct Arguments(
        QuadView x, QuadView add, QuadView y, QuadView weight, QuadView bias, float epsilon, Activation activation, int laneBits)
    {
        public readonly QuadView X = x;
        public readonly QuadView Add = add;
        public readonly QuadView Y = y;
        public readonly QuadView Weight = weight;
        public readonly QuadView Bias = bias;
        public readonly float Epsilon = epsilon;
        public readonly Activation Activation = activation;
        public readonly int LaneBits = laneBits;
    }

    /// <summary>How quads are reached: a kernel asks once per row, not once per quad.</summary>
    private interface IAccess
    {
        static abstract Float4 Read(in QuadView view, int row, int quad);

        static abstract void Write(in QuadView view, int row, int quad, Float4 values);

        /// <summary>Values of a quad that has <paramref name="left"/> columns or more in its row, zeros in place of the others.</summary>
        static abstract Float4 Within(int left, Float4 values);
    }

    /// <summary>All operands are wide.</summary>
    private readonly struct WideAccess : IAccess
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Float4 Read(in QuadView view, int row, int quad) => view.ReadWide(view.Element(row, quad));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Write(in QuadView view, int row, int quad, Float4 values) => view.WriteWide(view.Element(row, quad), values);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Float4 Within(int left, Float4 values) => left > 0 ? values : default;
    }

    /// <summary>Any operands.</summary>
    private readonly struct RaggedAccess : IAccess
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Float4 Read(in QuadView view, int row, int quad) => view.ReadRagged(view.Element(row, quad), quad);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Write(in QuadView view, int row, int quad, Float4 values) => view.WriteRagged(view.Element(row, quad), quad, values);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Float4 Within(int left, Float4 values) =>
            new(left > 0 ? values.X : 0f, left > 1 ? values.Y : 0f, left > 2 ? values.Z : 0f, left > 3 ? values.W : 0f);
    }

    public static void Run(IlgpuDevice device, Tensor x, in NormWeights norm, Tensor y, Tensor add, Activation activation)
    {
        var threads = device.GroupSize(Kernel);
        // As many quads for a lane as it keeps: more loads are on their way at once, and fewer sums need a shuffle.
        var wanted = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)((x.Columns + (4 * Kept) - 1) / (4 * Kept))));
        var laneBits = Math.Min(wanted, BitOperations.Log2((uint)Math.Min(LaneSum.MaxShuffled(device), threads)));
        var arguments = new Arguments(
            QuadView.Of(device, x), QuadView.Of(device, add), QuadView.Of(device, y), QuadView.Of(device, norm.Weight),
            QuadView.Of(device, norm.Bias), norm.Epsilon, activation, laneBits);
        var rowsEach = threads >> laneBits;
        device.Launch(Kernel, GroupThread.Groups(device, (x.Rows + rowsEach - 1) / rowsEach), threads, 0, arguments);
    }

    internal static void LayerNormRows(Arguments arguments)
    {
        var (thread, groups) = (GroupThread.Current, Grid.DimX);
        var rowsEach = thread.Count >> arguments.LaneBits;
        var wide = arguments.X.Wide & arguments.Y.Wide & arguments.Weight.Wide & arguments.Bias.Wide & (arguments.Add.Wide | arguments.Add.Rows == 0);
        // Lanes without a row take part as well: a shuffle is for the whole warp.
        for (var block = Grid.IdxX; block * rowsEach < arguments.X.Rows; block += groups)
        {
            var row = (block * rowsEach) + (thread.Index >> arguments.LaneBits);
            var lane = thread.Index & ((1 << arguments.LaneBits) - 1);
            if (wide) Normalise<WideAccess>(in arguments, row, lane);
            else Normalise<RaggedAccess>(in arguments, row, lane);
        }
    }

    /// <summary>Mean, then the variance around it (no cancellation), then the result. Behind the last row, the last row without a result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalise<TAccess>(in Arguments arguments, int row, int lane)
        where TAccess : struct, IAccess
    {
        var (lanes, quads) = (1 << arguments.LaneBits, arguments.X.ColumnQuads);
        var source = IntrinsicMath.Min(row, arguments.X.Rows - 1);
        Quad kept = default; // every lanes-th from this lane's own
        kept.Row0 = Input<TAccess>(in arguments, source, lane);
        kept.Row1 = Input<TAccess>(in arguments, source, lane + lanes);
        kept.Row2 = Input<TAccess>(in arguments, source, lane + (2 * lanes));
        kept.Row3 = Input<TAccess>(in arguments, source, lane + (3 * lanes));

        var sum = (kept.Row0 + kept.Row1) + (kept.Row2 + kept.Row3);
        for (var quad = lane + (Kept * lanes); quad < quads; quad += lanes) sum += Input<TAccess>(in arguments, source, quad);
        var mean = LaneSum.Of(lanes, (sum.X + sum.Y) + (sum.Z + sum.W)) / arguments.X.Columns;

        var squares = Squares<TAccess>(in arguments, kept.Row0, mean, lane);
        squares += Squares<TAccess>(in arguments, kept.Row1, mean, lane + lanes);
        squares += Squares<TAccess>(in arguments, kept.Row2, mean, lane + (2 * lanes));
        squares += Squares<TAccess>(in arguments, kept.Row3, mean, lane + (3 * lanes));
        for (var quad = lane + (Kept * lanes); quad < quads; quad += lanes)
            squares += Squares<TAccess>(in arguments, Input<TAccess>(in arguments, source, quad), mean, quad);
        var variance = LaneSum.Of(lanes, (squares.X + squares.Y) + (squares.Z + squares.W)) / arguments.X.Columns;

        var rstd = 1f / MathF.Sqrt(variance + arguments.Epsilon);
        if (row != source) return;
        for (int quad = lane, n = 0; quad < quads; quad += lanes, n++)
        {
            // One copy of the activations' code.
            var values = n < Kept ? kept.Row(n) : Input<TAccess>(in arguments, row, quad);
            Store<TAccess>(in arguments, values, mean, rstd, row, quad);
        }
    }

    /// <summary>A quad of x + add; zeros behind the end of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Input<TAccess>(in Arguments arguments, int row, int quad)
        where TAccess : struct, IAccess
    {
        if (quad >= arguments.X.ColumnQuads) return default;
        var x = TAccess.Read(in arguments.X, row, quad);
        return arguments.Add.Rows == 0 ? x : x + TAccess.Read(in arguments.Add, row, quad);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 Squares<TAccess>(in Arguments arguments, Float4 values, float mean, int quad)
        where TAccess : struct, IAccess
    {
        Float4 d = new(values.X - mean, values.Y - mean, values.Z - mean, values.W - mean);
        return TAccess.Within(arguments.X.Columns - (quad << 2), new(d.X * d.X, d.Y * d.Y, d.Z * d.Z, d.W * d.W));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TAccess>(in Arguments arguments, Float4 values, float mean, float rstd, int row, int quad)
        where TAccess : struct, IAccess
    {
        var (weight, bias) = (TAccess.Read(in arguments.Weight, 0, quad), TAccess.Read(in arguments.Bias, 0, quad));
        Float4 result = new(
            ((values.X - mean) * rstd * weight.X) + bias.X, ((values.Y - mean) * rstd * weight.Y) + bias.Y,
            ((values.Z - mean) * rstd * weight.Z) + bias.Z, ((values.W - mean) * rstd * weight.W) + bias.W);
        TAccess.Write(in arguments.Y, row, quad, result.Activate(arguments.Activation));
    }
}
