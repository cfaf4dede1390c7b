using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>What the threads of a kernel own: the widths of values that it is for follow from it.</summary>
/// <param name="MaxValueDim">Widest values of a head whose sums a group on a GPU keeps in registers.</param>
/// <param name="ScoreStrips">Strips of scores of a thread.</param>
/// <param name="OutputStrips">Strips of outputs of a thread.</param>
/// <param name="Threads">Threads of a group on a GPU.</param>
/// <param name="ResidentGroups">Groups that a multiprocessor can hold: all its registers are used.</param>
internal sealed record FlashWidth(int MaxValueDim, int ScoreStrips, int OutputStrips, int Threads, int ResidentGroups)
{
    /// <summary>64 queries, 64 keys at a time.</summary>
    public static FlashWidth Narrow { get; } = new(64, 2, 2, Threads: 64, ResidentGroups: 4);

    /// <summary>The same with half as many outputs more: heads of 96 are the most frequent of all.</summary>
    public static FlashWidth Medium { get; } = new(96, 2, 3, Threads: 64, ResidentGroups: 4);

    /// <summary>The same queries and keys by twice as many threads, each with half as many scores.</summary>
    public static FlashWidth Wide { get; } = new(256, 1, 4, Threads: 128, ResidentGroups: 2);

    /// <summary>The width for the values of a head, whatever that of queries and keys. Wider ones take several passes.</summary>
    public static FlashWidth For(int valueDim) =>
        valueDim <= Narrow.MaxValueDim ? Narrow : valueDim <= Medium.MaxValueDim ? Medium : Wide;

    /// <summary>A kernel of this width.</summary>
    public GpuKernel<FlashArguments<TMap>> Kernel<TMap>(Action<FlashArguments<TMap>> body)
        where TMap : unmanaged, ITokenMap => new(body, Threads, GpuKernel.SharedLimit, ResidentGroups);
}

/// <summary>The kernels for one kind of token map, and how they are launched.</summary>
internal sealed record FlashKernels<TMap>(
    GpuKernel<FlashArguments<TMap>> Narrow, GpuKernel<FlashArguments<TMap>> Medium, GpuKernel<FlashArguments<TMap>> Wide,
    GpuKernel<CombineArguments<TMap>> Combine)
    where TMap : unmanaged, ITokenMap
{
    /// <summary>Attends.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="operands">q, k, v and y; heads lie side by side in their rows.</param>
    /// <param name="padding">q, k and v of a padding token, one after another; none where there is no padding.</param>
    /// <param name="map">Where tokens lie.</param>
    /// <param name="shape">What is computed.</param>
    /// <param name="linearScale">When not null: no softmax, the scores times this factor are the weights.</param>
    public void Run(
        IlgpuDevice device, (Tensor Q, Tensor K, Tensor V, Tensor Y) operands, Tensor padding, TMap map, FlashShape shape,
        float? linearScale)
    {
        var (q, k, v, y) = operands;
        var width = FlashWidth.For(shape.ValueDim);
        var kernel = width == FlashWidth.Narrow ? Narrow : width == FlashWidth.Medium ? Medium : Wide;
        var plan = FlashPlan.For(shape, width, device.GroupSize(kernel), device.Accelerator.NumMultiprocessors);
        var wholeValues = shape.ValueDim % 4 == 0;
        var whole = shape.HeadDim % 4 == 0 && wholeValues
            && HasWholeQuads(q) && HasWholeQuads(k) && HasWholeQuads(v) && (padding.IsEmpty || HasWholeQuads(padding));
        var storesQuads = wholeValues && HasWholeQuads(y);
        var combines = plan.Splits > 1 || !storesQuads;

        TokenRows Tokens(Tensor tensor, int part, bool quads)
        {
            var row = padding.IsEmpty ? default : device.View(padding.SliceColumns(part * y.Columns, y.Columns));
            var headDim = tensor.Columns / shape.Heads;
            if (!quads) return new(headDim, device.Rows(tensor), default, 0, row, default);
            var rowQuads = padding.IsEmpty ? default : row.Cast<Float4>();
            return new(headDim, device.Rows(tensor), device.View(tensor).Cast<Float4>(), tensor.RowStride / 4, row, rowQuads);
        }

        using var scope = device.Scope();
        var partials = combines ? device.View(device.Rent(plan.Splits, plan.PartialRows, 4 * plan.ValueQuads)).Cast<Float4>() : default;
        var statistics = combines ? device.View(device.Rent(plan.Splits, plan.PartialRows, 2)) : default;
        var softmax = linearScale.HasValue ? 0 : 1;
        var arguments = new FlashArguments<TMap>(
            Tokens(q, 0, whole), Tokens(k, 1, whole), Tokens(v, 2, whole), combines ? partials : device.View(y).Cast<Float4>(),
            combines ? plan.ValueQuads : y.RowStride / 4, combines ? 0 : plan.ValueQuads, statistics, map, plan,
            linearScale ?? MathF.Log2(MathF.E) / MathF.Sqrt(shape.HeadDim), softmax, whole ? 1 : 0, combines ? 1 : 0);
        device.Launch(kernel, plan.Groups, plan.Threads, plan.SharedFloats, arguments);
        if (!combines) return;

        var threads = device.GroupSize(Combine);
        var (quadBits, splitBits) = FlashCombine.Ranks(plan, threads);
        var rows = threads >> (quadBits + splitBits); // of a group
        device.Launch(
            Combine, (plan.PartialRows + rows - 1) / rows, threads, threads * FlashCombine.SharedFloats,
            new CombineArguments<TMap>(partials, statistics, Tokens(y, 0, storesQuads), map, plan, quadBits, splitBits, softmax));
    }

    /// <summary>Whether kernels may access the rows of a tensor in quads, with indices of 32 bits.</summary>
    private static bool HasWholeQuads(Tensor tensor) =>
        tensor.Offset % 4 == 0 && tensor.RowStride % 4 == 0 && (long)tensor.Rows * tensor.RowStride / 4 <= int.MaxValue;
}
