using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels.Ops;

/// <summary>Dropout on a GPU: a thread moves four columns and hashes their indices.</summary>
internal static class DropoutGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<Arguments> Kernel = new(DropElements, Threads);

    /// <summary>Arguments of <see cref="DropElements"/>.</summary>
    /// <param name="X"><c>[rows, channels]</c>.</param>
    /// <param name="Add">Added after; no rows when absent.</param>
    /// <param name="Y"><c>[rows, channels]</c>.</param>
    /// <param name="Key">See <see cref="DropoutMask"/>.</param>
    /// <param name="Threshold">See <see cref="DropoutMask"/>.</param>
    /// <param name="Scale">Factor of what is kept.</param>
    /// <param name="Walk">Over rows and columns.</param>
    public readonly record struct Arguments(RowView X, RowView Add, RowView Y, ulong Key, uint Threshold, float Scale, RowQuads Walk);

    public static void Run(IlgpuDevice device, Tensor x, Dropout.Pattern pattern, Tensor add, Tensor y)
    {
        if (x.Length == 0) return;
        var (walk, size) = (add.IsEmpty ? RowQuads.Of(x.Rows, x.Columns, x, y) : RowQuads.Of(x.Rows, x.Columns, x, add, y), device.GroupSize(Kernel));
        var arguments = new Arguments(device.Rows(x), device.Rows(add), device.Rows(y), pattern.Key, pattern.Threshold, pattern.Scale, walk);
        device.Launch(Kernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void DropElements(Arguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var index = ((ulong)(uint)row << 32) + (uint)quad.First;
        var (x, scale) = (arguments.X.Load(row, quad), arguments.Scale);
        var add = arguments.Add.Rows > 0 ? arguments.Add.Load(row, quad) : default;
        arguments.Y.Store(row, quad, new Float4(
            Kept(arguments, index, x.X * scale) + add.X, Kept(arguments, index + 1, x.Y * scale) + add.Y,
            Kept(arguments, index + 2, x.Z * scale) + add.Z, Kept(arguments, index + 3, x.W * scale) + add.W));
    }

    private static float Kept(Arguments arguments, ulong index, float value) =>
        DropoutMask.Keeps(arguments.Key, index, arguments.Threshold) ? value : 0f;
}
