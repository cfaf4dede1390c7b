using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Resizing on a GPU. Positions and weights are computed where they are needed, in the steps of <see cref="ResizeTaps"/>: no table is
/// uploaded. Modes of at most four inputs per axis go straight from input to output; the antialiasing triangle, as wide as the reduction,
/// goes through shared memory.
/// </summary>
internal static partial class ResizeGpu
{
    private const int Threads = 256;

    /// <summary>Outputs that a thread of the direct kernel makes with one set of column weights: rows of one plane, or planes.</summary>
    private const int OutputsEach = 4;

    /// <summary>Columns of the input that are blended at a time.</summary>
    private const int Segment = 2048;

    public static readonly GpuKernel<DirectArguments> DirectKernel = new(ResizeDirect, Threads);
    public static readonly GpuKernel<BlendArguments> BlendKernel = new(ResizeAntialiased, Threads, maxSharedFloats: Segment);

    /// <summary>Arguments of <see cref="ResizeDirect"/>.</summary>
    /// <param name="X"><c>[planes * height, width]</c>.</param>
    /// <param name="Y"><c>[planes * new height, new width]</c>.</param>
    /// <param name="Planes">Planes, which share positions and weights.</param>
    /// <param name="Down">From input rows to output rows.</param>
    /// <param name="Across">From input columns to output columns.</param>
    /// <param name="Chunks">Groups side by side in an output row.</param>
    /// <param name="Bands">Groups below each other in an output plane.</param>
    /// <param name="RowsEach">Rows that a thread makes.</param>
    /// <param name="PlanesEach">Planes of which it makes them.</param>
    public readonly record struct DirectArguments(
        RowView X, RowView Y, int Planes, AxisArguments Down, AxisArguments Across, int Chunks, int Bands, int RowsEach, int PlanesEach);

    /// <summary>Arguments of <see cref="ResizeAntialiased"/>; see <see cref="DirectArguments"/>.</summary>
    public readonly record struct BlendArguments(RowView X, RowView Y, AxisArguments Down, AxisArguments Across, int Chunks, int Vector);

    /// <summary>One axis; what <see cref="ResizeTaps.Of"/> starts from.</summary>
    /// <param name="Mode">Interpolation.</param>
    /// <param name="Inputs">Input extent.</param>
    /// <param name="Outputs">Output extent.</param>
    /// <param name="Scale">Inputs per output.</param>
    public readonly record struct AxisArguments(ResizeMode Mode, int Inputs, int Outputs, double Scale)
    {
        /// <summary>Inputs of an output, except under the antialiasing triangle.</summary>
        public int Count => Mode == ResizeMode.Nearest ? 1 : Mode == ResizeMode.Bilinear ? 2 : 4;

        /// <summary>Where an output looks, in inputs.</summary>
        public double Center(int output) => ((output + 0.5) * Scale) - 0.5;

        /// <summary>Half the width of the antialiasing triangle.</summary>
        public double Support => Scale > 1 ? Scale : 1;

        /// <summary>The first input under the triangle.</summary>
        public int TriangleFirst(int output) => IntrinsicMath.Max(0, (int)(Center(output) - Support + 1));

        /// <summary>The input behind the last under the triangle.</summary>
        public int TriangleEnd(int output) => IntrinsicMath.Min(Inputs, (int)(Center(output) + Support + 1));
    }

    /// <summary>At most four neighbouring inputs, the first of them perhaps outside of the axis, and their weights.</summary>
    private readonly record struct FourTaps(int First, Float4 Weights);

    /// <summary>The inputs under an antialiasing triangle, all inside the axis.</summary>
    private readonly record struct TriangleTaps(int First, int End, double Center, double InverseSupport, double InverseSum)
    {
        public float Weight(int input) => input < End ? (float)(Triangle(input, Center, InverseSupport) * InverseSum) : 0f;
    }

    public static void Run(IlgpuDevice device, Tensor x, Tensor y, ResizeMode mode)
    {
        var (height, width, newHeight, newWidth) = (x.Shape[^2], x.Shape[^1], y.Shape[^2], y.Shape[^1]);
        var planes = x.Shape.Rank == 3 ? x.Shape[0] : 1;
        var down = new AxisArguments(mode, height, newHeight, (double)height / newHeight);
        var across = new AxisArguments(mode, width, newWidth, (double)width / newWidth);
        if (mode == ResizeMode.BilinearAntialiased)
        {
            var threads = device.GroupSize(BlendKernel);
            var chunks = (newWidth + threads - 1) / threads;
            var arguments = new BlendArguments(device.Rows(x), device.Rows(y), down, across, chunks, RowQuads.VectorOf(x));
            device.Launch(BlendKernel, (long)planes * newHeight * chunks, threads, BlendKernel.MaxSharedFloats, arguments);
        }
        else
        {
            var threads = device.GroupSize(DirectKernel);
            var (rowsEach, planesEach) = planes == 1 ? (OutputsEach, 1) : (1, OutputsEach);
            var (chunks, bands) = ((newWidth + threads - 1) / threads, (newHeight + rowsEach - 1) / rowsEach);
            var arguments = new DirectArguments(device.Rows(x), device.Rows(y), planes, down, across, chunks, bands, rowsEach, planesEach);
            device.Launch(DirectKernel, (long)((planes + planesEach - 1) / planesEach) * bands * chunks, threads, 0, arguments);
        }
    }

    /// <summary>A thread makes one column of a few rows or planes.</summary>
    internal static void ResizeDirect(DirectArguments arguments)
    {
        var (down, across) = (arguments.Down, arguments.Across);
        var line = Grid.IdxX / arguments.Chunks;
        var column = ((Grid.IdxX - (line * arguments.Chunks)) * Group.DimX) + Group.IdxX;
        if (column >= across.Outputs) return;
        var columns = TapsAt(across, column);
        var (c0, c1) = (Inside(columns.First, across), Inside(columns.First + 1, across));
        var (c2, c3) = (Inside(columns.First + 2, across), Inside(columns.First + 3, across));
        var block = line / arguments.Bands;
        var (row0, plane0) = ((line - (block * arguments.Bands)) * arguments.RowsEach, block * arguments.PlanesEach);
        for (var row = row0; row < IntrinsicMath.Min(row0 + arguments.RowsEach, down.Outputs); row++)
        {
            var rows = TapsAt(down, row);
            for (var plane = plane0; plane < IntrinsicMath.Min(plane0 + arguments.PlanesEach, arguments.Planes); plane++)
            {
                var sum = 0f;
                for (var k = 0; k < down.Count; k++)
                {
                    var source = arguments.X.From((plane * down.Inputs) + Inside(rows.First + k, down));
                    var value = columns.Weights.X * source[c0];
                    if (across.Count > 1) value += columns.Weights.Y * source[c1];
                    if (across.Count > 2) value += (columns.Weights.Z * source[c2]) + (columns.Weights.W * source[c3]);
                    var weight = k == 0 ? rows.Weights.X : k == 1 ? rows.Weights.Y : k == 2 ? rows.Weights.Z : rows.Weights.W;
                    sum += weight * value;
                }

                arguments.Y[(plane * down.Outputs) + row, column] = sum;
            }
        }
    }

    /// <summary>
    /// A group makes a run of one output row: it blends the input rows under the triangle, a segment of columns at a time, and reads the
    /// columns off.
    /// </summary>
    internal static void ResizeAntialiased(BlendArguments arguments)
    {
        var (down, across) = (arguments.Down, arguments.Across);
        var blended = SharedQuads.Get();
        var scalars = blended.Cast<float>();
        var target = Grid.IdxX / arguments.Chunks; // of all planes, one below the other
        var column0 = (Grid.IdxX - (target * arguments.Chunks)) * Group.DimX;
        var plane = target / down.Outputs;
        var rows = TriangleAt(down, target - (plane * down.Outputs));
        var last = IntrinsicMath.Min(column0 + Group.DimX, across.Outputs) - 1;
        var column = column0 + Group.IdxX;
        var columns = TriangleAt(across, IntrinsicMath.Min(column, last));
        // Whole quads, which begin where a row's do.
        var (begin, end) = (across.TriangleFirst(column0) / 4 * 4, across.TriangleEnd(last));

        var sum = 0f;
        for (var segment = begin; segment < end; segment += Segment)
        {
            var segmentEnd = IntrinsicMath.Min(segment + Segment, end);
            for (var c = segment + (4 * Group.IdxX); c < segmentEnd; c += 4 * Group.DimX)
            {
                var quad = new ColumnQuad(c, across.Inputs - c, arguments.Vector);
                blended[(c - segment) / 4] = Blend(arguments.X, plane * down.Inputs, rows, quad);
            }

            Group.Barrier();
            for (var c = IntrinsicMath.Max(columns.First, segment); c < IntrinsicMath.Min(columns.End, segmentEnd); c++)
                sum += columns.Weight(c) * scalars[c - segment];
            Group.Barrier();
        }

        if (column <= last) arguments.Y[target, column] = sum;
    }

    /// <summary>
    /// Four columns of the rows under a triangle. Four rows are on their way at a time; where fewer are left the last is read again, with
    /// weight 0.
    /// </summary>
    private static Float4 Blend(RowView x, int top, TriangleTaps rows, ColumnQuad quad)
    {
        Float4 blend = default;
        var last = rows.End - 1;
        for (var r = rows.First; r <= last; r += 4)
        {
            Float4 row0 = x.Load(top + r, quad), row1 = x.Load(top + IntrinsicMath.Min(r + 1, last), quad);
            Float4 row2 = x.Load(top + IntrinsicMath.Min(r + 2, last), quad), row3 = x.Load(top + IntrinsicMath.Min(r + 3, last), quad);
            blend = row0.MultiplyAdd(rows.Weight(r), blend);
            blend = row1.MultiplyAdd(rows.Weight(r + 1), blend);
            blend = row2.MultiplyAdd(rows.Weight(r + 2), blend);
            blend = row3.MultiplyAdd(rows.Weight(r + 3), blend);
        }

        return blend;
    }

    private static int Inside(int input, AxisArguments axis) => IntrinsicMath.Max(0, IntrinsicMath.Min(input, axis.Inputs - 1));

    private static FourTaps TapsAt(AxisArguments axis, int output)
    {
        if (axis.Mode == ResizeMode.Nearest)
            return new FourTaps((int)(output * ((float)axis.Inputs / axis.Outputs)), new Float4(1, 0, 0, 0));
        var center = axis.Center(output);
        if (axis.Mode == ResizeMode.Bilinear)
        {
            center = center > 0 ? center : 0;
            var floor = (int)center;
            var weight = (float)(center - floor);
            return new FourTaps(floor, new Float4(1 - weight, weight, 0, 0));
        }

        var first = SimtDouble.Floor(center) - 1;
        return new FourTaps(first, new Float4(
            (float)Keys(center - first), (float)Keys(center - (first + 1)),
            (float)Keys(center - (first + 2)), (float)Keys(center - (first + 3))));
    }

    private static TriangleTaps TriangleAt(AxisArguments axis, int output)
    {
        var (center, inverse) = (axis.Center(output), 1 / axis.Support);
        var (first, end) = (axis.TriangleFirst(output), axis.TriangleEnd(output));
        var sum = 0.0;
        for (var input = first; input < end; input++) sum += Triangle(input, center, inverse);
        return new TriangleTaps(first, end, center, inverse, 1 / sum);
    }

    private static double Triangle(int input, double center, double inverseSupport)
    {
        var height = 1 - (Math.Abs(input - center) * inverseSupport);
        return height > 0 ? height : 0;
    }

    /// <summary>Cubic convolution (Keys 1981) with A = -0.75.</summary>
    private static double Keys(double x)
    {
        const double a = -0.75;
        x = Math.Abs(x);
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? (((((x - 5) * x) + 8) * x) - 4) * a : 0;
    }
}
