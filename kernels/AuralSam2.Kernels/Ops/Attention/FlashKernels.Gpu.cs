using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

internal sealed record FlashKernels<TMap>(
    GpuKernel<FlashArguments<TMap>> Narrow, GpuKernel<FlashArguments<TMap>> Medium, GpuKernel<FlashArguments<TMap>> Wide,
    GpuKernel<CombineArguments<TMap>> Combine)
    where TMap : unmanaged, ITokenMap
{
    public void Run(IlgpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, Tensor padding, TMap map, int heads, FlashShape shape, float? linearScale)
    {
        var (kernel, scoreStrips, outputStrips) = shape.HeadDim <= 64 ? (Narrow, 2, 2) : shape.HeadDim <= 96 ? (Medium, 2, 3) : (Wide, 1, 4);
        var plan = FlashPlan.For(
            shape, scoreStrips, outputStrips, device.GroupSize(kernel), device.Accelerator.NumMultiprocessors, Math.Max(1, 256 / kernel.GroupSize));
        var aligned = shape.HeadDim % 4 == 0 && Aligned(q) && Aligned(k) && Aligned(v) && Aligned(y) && (padding.IsEmpty || Aligned(padding));
        var channels = y.Columns;
        using var scope = device.Scope();
        var rows = plan.Splits > 1 ? plan.Splits * shape.Sequences * shape.Queries : 0;
        var partials = rows == 0 ? default : device.View(device.Rent(rows, plan.HeadQuads * 4)).Cast<Float4>();
        var statistics = rows == 0 ? default : device.View(device.Rent(rows, 2));
        TokenRows Rows(Tensor t, int part) => new(
            device.View(t), t.RowStride, padding.IsEmpty ? default : device.View(padding.SliceColumns(part * channels, channels)));
        var arguments = new FlashArguments<TMap>(
            Rows(q, 0), Rows(k, 1), Rows(v, 2), Rows(y, 0), partials, statistics, map, heads, plan,
            linearScale ?? MathF.Log2(MathF.E) / MathF.Sqrt(shape.HeadDim), linearScale.HasValue ? 1 : 0, aligned ? 1 : 0);
        device.Launch(kernel, plan.Groups, plan.Threads, plan.SharedFloats, arguments);
        if (plan.Splits == 1) return;
        var combine = new CombineArguments<TMap>(
            partials, statistics, Rows(y, 0), map, heads, plan, linearScale.HasValue ? 1 : 0, aligned ? 1 : 0);
        var threads = device.GroupSize(Combine);
        var items = (long)shape.Sequences * shape.Queries * plan.HeadQuads;
        device.Launch(Combine, (items + threads - 1) / threads, threads, 0, combine);
    }

    private static bool Aligned(Tensor t) => t.Offset % 4 == 0 && t.RowStride % 4 == 0;
}

internal readonly record struct CombineArguments<TMap>(
    ArrayView<Float4> Partials, ArrayView<float> Statistics, TokenRows Y, TMap Map, int Heads, FlashPlan Plan, int Linear, int Aligned)
    where TMap : unmanaged, ITokenMap;
