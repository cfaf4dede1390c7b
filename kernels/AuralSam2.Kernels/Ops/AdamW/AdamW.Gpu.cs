using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>AdamW on a GPU, bound by memory: a thread owns four neighbouring elements of all four arrays.</summary>
internal static class AdamWGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<Arguments> Kernel = new(AdamWStepOnce, Threads);

    /// <summary>Arguments of <see cref="AdamWStepOnce"/>.</summary>
    public readonly record struct Arguments(
        RowView Value, RowView Gradient, RowView Mean, RowView Square, AdamWFactors Factors, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor value, Tensor gradient, Tensor mean, Tensor square, in AdamWFactors factors)
    {
        // Shapes may differ where lengths agree: all are walked as one row.
        var length = checked((int)value.Length);
        (value, gradient) = (value.Reshape(1, length), gradient.Reshape(1, length));
        (mean, square) = (mean.Reshape(1, length), square.Reshape(1, length));
        var (walk, size) = (RowQuads.Over(value, gradient, mean, square), device.GroupSize(Kernel));
        var arguments = new Arguments(
            device.Rows(value), device.Rows(gradient), device.Rows(mean), device.Rows(square), factors, walk);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void AdamWStepOnce(Arguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var f = arguments.Factors;
        var g = arguments.Gradient.Load(row, quad) * f.GradientScale;
        var mean = arguments.Mean.Load(row, quad);
        mean = new Float4(
            mean.X + (f.MeanWeight * (g.X - mean.X)), mean.Y + (f.MeanWeight * (g.Y - mean.Y)),
            mean.Z + (f.MeanWeight * (g.Z - mean.Z)), mean.W + (f.MeanWeight * (g.W - mean.W)));
        var square = (g * f.SquareWeight).MultiplyAdd(g, arguments.Square.Load(row, quad) * f.SquareKeep);
        var value = arguments.Value.Load(row, quad) * f.Keep + new Float4(
            Move(mean.X, square.X, f), Move(mean.Y, square.Y, f), Move(mean.Z, square.Z, f), Move(mean.W, square.W, f));
        arguments.Mean.Store(row, quad, mean);
        arguments.Square.Store(row, quad, square);
        arguments.Value.Store(row, quad, value);
    }

    private static float Move(float mean, float square, AdamWFactors f) => f.Move * mean / ((MathF.Sqrt(square) / f.RootScale) + f.Epsilon);
}
