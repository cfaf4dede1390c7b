using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>The kernels for one kind of token map, and how they are launched.</summary>
/// <param name="Narrow">Heads up to 64 channels.</param>
/// <param name="Medium">Heads up to 96 channels.</param>
/// <param name="Wide">All others.</param>
/// <param name="Combine">Puts splits together.</param>
internal sealed record FlashKernels<TMap>(
    GpuKernel<FlashArguments<TMap>> Narrow, GpuKernel<FlashArguments<TMap>> Medium, GpuKernel<FlashArguments<TMap>> Wide,
    GpuKernel<CombineArguments<TMap>> Combine)
    where TMap : unmanaged, ITokenMap
{
    /// <summary>Attends.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="q">Queries, heads side by side in each row; so are those of k, v and y.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="y">Results.</param>
    /// <param name="padding">q, k and v of a padding token, one after another; none where there is no padding.</param>
    /// <param name="map">Where tokens lie.</param>
    /// <param name="shape">What is computed.</param>
    /// <param name="linearScale">When not null: no softmax, the scores times this factor are the weights.</param>
    public void Run(IlgpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, Tensor padding, TMap map, FlashShape shape, float? linearScale)
    {
        var (kernel, scoreStrips, outputStrips) = shape.HeadDim <= 64 ? (Narrow, 2, 2) : shape.HeadDim <= 96 ? (Medium, 2, 3) : (Wide, 1, 4);
        var wholeQuads = shape.HeadDim % 4 == 0 && Aligned(q) && Aligned(k) && Aligned(v) && (padding.IsEmpty || Aligned(padding));
        var plan = FlashPlan.For(
            shape, scoreStrips, outputStrips, device.GroupSize(kernel), device.Accelerator.NumMultiprocessors, FlashPlan.BusyThreads / kernel.GroupSize);
        var combines = plan.Splits > 1 || !wholeQuads || !Aligned(y);
        var softmax = linearScale.HasValue ? 0 : 1;
        TokenRows Tokens(Tensor tokens, int part)
        {
            var row = padding.IsEmpty ? default : device.View(padding.SliceColumns(part * y.Columns, y.Columns));
            return wholeQuads
                ? new(device.Rows(tokens), device.View(tokens).Cast<Float4>(), tokens.RowStride / 4, row, padding.IsEmpty ? default : row.Cast<Float4>())
                : new(device.Rows(tokens), default, 0, row, default);
        }

        using var scope = device.Scope();
        var rows = shape.Heads * shape.Sequences * shape.Queries;
        var partials = combines ? device.View(device.Rent(plan.Splits, rows, 4 * plan.HeadQuads)).Cast<Float4>() : default;
        var statistics = combines ? device.View(device.Rent(plan.Splits, rows, 2)) : default;
        var arguments = new FlashArguments<TMap>(
            Tokens(q, 0), Tokens(k, 1), Tokens(v, 2),
            combines ? partials : device.View(y).Cast<Float4>(), combines ? plan.HeadQuads : y.RowStride / 4, combines ? 0 : plan.HeadQuads,
            statistics, map, plan, linearScale ?? MathF.Log2(MathF.E) / MathF.Sqrt(shape.HeadDim),
            softmax, wholeQuads ? 1 : 0, combines ? 1 : 0);
        device.Launch(kernel, plan.Groups, plan.Threads, plan.SharedFloats, arguments);
        if (!combines) return;

        var threads = device.GroupSize(Combine);
        var lanes = Math.Min(threads, (int)BitOperations.RoundUpToPowerOf2((uint)plan.HeadQuads));
        device.Launch(
            Combine, (rows + (threads / lanes) - 1) / (threads / lanes), threads, 0,
            new CombineArguments<TMap>(partials, statistics, device.Rows(y), map, plan, lanes, softmax));
    }

    /// <summary>Whether kernels may read quads, with 32-bit indices.</summary>
    private static bool Aligned(Tensor t) => t.Offset % 4 == 0 && t.RowStride % 4 == 0 && (long)t.Rows * t.RowStride / 4 <= int.MaxValue;
}
