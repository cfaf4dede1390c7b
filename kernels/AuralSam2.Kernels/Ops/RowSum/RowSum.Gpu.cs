using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Sums of rows on a GPU: a thread owns four columns of a result row and walks down. Where many rows become few, stretches of them are
/// summed first, in parallel, and then the stretches, in order.
/// </summary>
internal static class RowSumGpu
{
    private const int Threads = 128;

    /// <summary>Rows of a stretch.</summary>
    private const int Stretch = 64;

    public static readonly GpuKernel<Arguments> Kernel = new(RowSums, Threads);

    /// <summary>Arguments of <see cref="RowSums"/>: row r of y gets rows r * Start, r * Start + Step, ... of x, Count of them at most.</summary>
    public readonly record struct Arguments(RowView X, RowView Y, int Start, int Step, int Count, float Scale, int Kept, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, Tensor y, float scale)
    {
        var repeats = x.Rows / y.Rows;
        y = y.Reshape(y.Rows, y.Columns);
        if (y.Rows > 1 || repeats <= 2 * Stretch)
        {
            Launch(device, x, y, start: 1, step: y.Rows, repeats, scale, keep: true);
            return;
        }

        using var scope = device.Scope();
        var stretches = (x.Rows + Stretch - 1) / Stretch;
        var partial = device.Rent(stretches, x.Columns);
        Launch(device, x, partial, start: Stretch, step: 1, Stretch, 1f, keep: false);
        Run(device, partial, y, scale);
    }

    internal static void RowSums(Arguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        Float4 sum = default;
        var at = row * arguments.Start;
        for (var i = 0; i < arguments.Count & at < arguments.X.Rows; i++, at += arguments.Step) sum += arguments.X.Load(at, quad);
        sum *= arguments.Scale;
        if (arguments.Kept != 0) sum += arguments.Y.Load(row, quad);
        arguments.Y.Store(row, quad, sum);
    }

    private static void Launch(IlgpuDevice device, Tensor x, Tensor y, int start, int step, int count, float scale, bool keep)
    {
        var (walk, size) = (RowQuads.Of(y.Rows, y.Columns, x, y), device.GroupSize(Kernel));
        var arguments = new Arguments(device.Rows(x), device.Rows(y), start, step, count, scale, keep ? 1 : 0, walk);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }
}
