using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Layer norm on a GPU: up to a warp of lanes shares a row, a group takes several rows. Three passes over a row, the last two from the
/// first-level cache.
/// </summary>
internal static class LayerNormGpu
{
    private const int Threads = 128;

    public static readonly GpuKernel<Arguments> Kernel = new(LayerNormRows, Threads, maxSharedFloats: Threads);

    /// <summary>Arguments of <see cref="LayerNormRows"/>.</summary>
    /// <param name="X"><c>[rows, channels]</c>.</param>
    /// <param name="Add">Added to x first; no rows when absent.</param>
    /// <param name="Y"><c>[rows, channels]</c>.</param>
    /// <param name="Weight"><c>[channels]</c>.</param>
    /// <param name="Bias"><c>[channels]</c>.</param>
    /// <param name="Epsilon">Added to the variance.</param>
    /// <param name="Activation">Applied last.</param>
    /// <param name="Lanes">Threads that share a row: a power of two that divides the group.</param>
    public readonly record struct Arguments(
        RowView X, RowView Add, RowView Y, ArrayView<float> Weight, ArrayView<float> Bias, float Epsilon, Activation Activation, int Lanes);

    public static void Run(IlgpuDevice device, Tensor x, in NormWeights norm, Tensor y, Tensor add, Activation activation)
    {
        var threads = device.GroupSize(Kernel);
        var lanes = Math.Min(threads, LaneSum.MaxLanes);
        var rowsEach = threads / lanes;
        var arguments = new Arguments(
            device.Rows(x), device.Rows(add), device.Rows(y),
            device.View(norm.Weight), device.View(norm.Bias), norm.Epsilon, activation, lanes);
        device.Launch(Kernel, (x.Rows + rowsEach - 1) / rowsEach, threads, threads, arguments);
    }

    /// <summary>Mean, then the variance around it (no cancellation), then the result.</summary>
    internal static void LayerNormRows(Arguments arguments)
    {
        var partials = SharedMemory.GetDynamic<float>();
        var lanes = arguments.Lanes;
        var lane = Group.IdxX & (lanes - 1);
        var row = (Grid.IdxX * (Group.DimX / lanes)) + (Group.IdxX / lanes);
        // Lanes without a row take part in every sum: a barrier is for the whole group.
        var channels = row < arguments.X.Rows ? arguments.X.Columns : 0;

        var sum = 0f;
        for (var c = lane; c < channels; c += lanes) sum += Input(arguments, row, c);
        var mean = LaneSum.Of(partials, lanes, sum) / arguments.X.Columns;

        var squares = 0f;
        for (var c = lane; c < channels; c += lanes)
        {
            var d = Input(arguments, row, c) - mean;
            squares += d * d;
        }

        var rstd = 1f / MathF.Sqrt((LaneSum.Of(partials, lanes, squares) / arguments.X.Columns) + arguments.Epsilon);
        for (var c = lane; c < channels; c += lanes)
        {
            var normalised = (Input(arguments, row, c) - mean) * rstd;
            arguments.Y[row, c] = SimtMath.Activate(arguments.Activation, (normalised * arguments.Weight[c]) + arguments.Bias[c]);
        }
    }

    private static float Input(Arguments arguments, int row, int column) =>
        arguments.Add.Rows == 0 ? arguments.X[row, column] : arguments.X[row, column] + arguments.Add[row, column];
}
