using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>Elementwise kernels, bound by memory: a thread moves four columns, and the walk keeps accesses whole and side by side.</summary>
internal static class ElementwiseGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<AddArguments> AddKernel = new(ElementwiseAdd, Threads);
    public static readonly GpuKernel<MapArguments> MapKernel = new(ElementwiseMap, Threads);
    public static readonly GpuKernel<MapGradientArguments> MapGradientKernel = new(ElementwiseMapGradient, Threads);
    public static readonly GpuKernel<ThresholdArguments> ThresholdKernel = new(ElementwiseThreshold, Threads);

    /// <summary>Arguments of <see cref="ElementwiseAdd"/>; row r of a meets row r mod n of b's n.</summary>
    public readonly record struct AddArguments(RowView A, RowView B, RowView Y, float Scale, RowQuads Walk);

    /// <summary>Arguments of <see cref="ElementwiseMap"/>.</summary>
    public readonly record struct MapArguments(RowView X, RowView Y, Activation Activation, float Scale, float Shift, RowQuads Walk);

    /// <summary>Arguments of <see cref="ElementwiseMapGradient"/>; <paramref name="Kept"/>: 1 adds to what dx holds, 0 replaces it.</summary>
    public readonly record struct MapGradientArguments(
        RowView Dy, RowView Saved, RowView Dx, Activation Activation, float Scale, float Shift, int Kept, RowQuads Walk);

    /// <summary>Arguments of <see cref="ElementwiseThreshold"/>.</summary>
    public readonly record struct ThresholdArguments(RowView X, RowView Y, float Threshold, float Low, float High, RowQuads Walk);

    public static void Add(IlgpuDevice device, Tensor a, Tensor b, Tensor y, float scale)
    {
        if (y.Length == 0) return;
        if (a.IsDense && b.IsDense && y.IsDense && b.Length <= RowQuads.LongestRow)
        {
            // A table of many rows is one long row that repeats.
            var (repeats, length) = (a.Rows / b.Rows, (int)b.Length);
            (a, b, y) = (a.Reshape(repeats, length), b.Reshape(1, length), y.Reshape(repeats, length));
        }

        var (walk, size) = (RowQuads.Of(y.Rows, y.Columns, a, b, y), device.GroupSize(AddKernel));
        var arguments = new AddArguments(device.Rows(a), device.Rows(b), device.Rows(y), scale, walk);
        device.Launch(AddKernel, walk.Groups(size), size, 0, arguments);
    }

    public static void Map(IlgpuDevice device, Tensor x, Tensor y, Activation activation, float scale, float shift)
    {
        var (walk, size) = (RowQuads.Over(x, y), device.GroupSize(MapKernel));
        var arguments = new MapArguments(device.Rows(x), device.Rows(y), activation, scale, shift, walk);
        device.Launch(MapKernel, walk.Groups(size), size, 0, arguments);
    }

    public static void MapGradient(
        IlgpuDevice device, Tensor dy, Tensor saved, Tensor dx, Activation activation, float scale, float shift, bool accumulate)
    {
        if (dy.Length == 0) return;
        var (walk, size) = (RowQuads.Of(dy.Rows, dy.Columns, dy, saved, dx), device.GroupSize(MapGradientKernel));
        var arguments = new MapGradientArguments(
            device.Rows(dy), device.Rows(saved), device.Rows(dx), activation, scale, shift, accumulate ? 1 : 0, walk);
        device.Launch(MapGradientKernel, walk.Groups(size), size, 0, arguments);
    }

    public static void Threshold(IlgpuDevice device, Tensor x, Tensor y, float threshold, float low, float high)
    {
        var (walk, size) = (RowQuads.Over(x, y), device.GroupSize(ThresholdKernel));
        var arguments = new ThresholdArguments(device.Rows(x), device.Rows(y), threshold, low, high, walk);
        device.Launch(ThresholdKernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void ElementwiseAdd(AddArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var b = arguments.B.Load(row % arguments.B.Rows, quad);
        arguments.Y.Store(row, quad, b.MultiplyAdd(arguments.Scale, arguments.A.Load(row, quad)));
    }

    internal static void ElementwiseMap(MapArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var shift = arguments.Shift;
        var x = arguments.X.Load(row, quad).MultiplyAdd(arguments.Scale, new Float4(shift, shift, shift, shift));
        arguments.Y.Store(row, quad, SimtMath.Activate(arguments.Activation, x));
    }

    internal static void ElementwiseMapGradient(MapGradientArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var (activation, scale, shift) = (arguments.Activation, arguments.Scale, arguments.Shift);
        var (dy, saved) = (arguments.Dy.Load(row, quad), arguments.Saved.Load(row, quad));
        if (activation == Activation.Gelu) saved = saved.MultiplyAdd(scale, new Float4(shift, shift, shift, shift));
        var dx = new Float4(
            scale * SimtMath.ActivationGradient(activation, dy.X, saved.X), scale * SimtMath.ActivationGradient(activation, dy.Y, saved.Y),
            scale * SimtMath.ActivationGradient(activation, dy.Z, saved.Z), scale * SimtMath.ActivationGradient(activation, dy.W, saved.W));
        if (arguments.Kept != 0) dx = dx.MultiplyAdd(1f, arguments.Dx.Load(row, quad));
        arguments.Dx.Store(row, quad, dx);
    }

    internal static void ElementwiseThreshold(ThresholdArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var (threshold, low, high) = (arguments.Threshold, arguments.Low, arguments.High);
        var x = arguments.X.Load(row, quad);
        arguments.Y.Store(row, quad, new Float4(
            x.X > threshold ? high : low, x.Y > threshold ? high : low, x.Z > threshold ? high : low, x.W > threshold ? high : low));
    }
}
