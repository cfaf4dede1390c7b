using System.Reflection;
using AuralSam2.Kernels.Ops;

namespace AuralSam2.Kernels.Simt;

/// <summary>
/// A kernel of the portable set: an explicitly grouped ILGPU kernel with one struct of arguments, how many threads a group has, and how much
/// shared memory a launch may ask for.
/// </summary>
/// <remarks>
/// A kernel must work for every power of two of threads per group, from <see cref="GroupSize"/> down to one: the emulator pays for every
/// thread and every barrier.
/// </remarks>
internal abstract class GpuKernel
{
    /// <summary>Shared memory that every CUDA GPU grants without asking, in floats: 48 KB.</summary>
    public const int SharedLimit = 48 * 1024 / sizeof(float);

    private protected GpuKernel(MethodInfo method, int groupSize, int maxSharedFloats, int? residentGroups)
    {
        if (maxSharedFloats is < 0 or > SharedLimit)
            throw new ArgumentOutOfRangeException(nameof(maxSharedFloats), $"{method.Name}: {maxSharedFloats} floats of shared memory");
        Method = method;
        GroupSize = groupSize;
        MaxSharedFloats = maxSharedFloats;
        ResidentGroups = residentGroups;
    }

    /// <summary>Every kernel. A test compares this list with the kernels that reflection finds.</summary>
    public static IReadOnlyList<GpuKernel> All { get; } =
    [
        RowTransferGpu.CopyKernel, RowTransferGpu.FillKernel,
        GpuPeak.FmaKernel, GpuPeak.CopyKernel,
        GemmGpu.Kernel, GemmGpu.PartsKernel, GemmGpu.ScalarsKernel, GemmGpu.FewRowsKernel, GemmGpu.FewRowsScalarsKernel,
        GemmGradientGpu.Kernel, RowSumGpu.Kernel,
        Conv2dGpu.Kernel, Conv2dGpu.PartsKernel, Conv2dGpu.ScalarsKernel,
        LayerNormGpu.Kernel, LayerNormGpu.LoneKernel, LayerNormGradientGpu.RowKernel, LayerNormGradientGpu.AffineKernel,
        Conv2dGradientGpu.UnfoldKernel, Conv2dGradientGpu.UnfoldScalarsKernel, Conv2dGradientGpu.FoldKernel,
        AttentionGpu.Narrow, AttentionGpu.Medium, AttentionGpu.Wide, AttentionGpu.Combine,
        HeadProductGpu.Kernel, AttentionGradientGpu.Kernel,
        WindowAttentionGradientGpu.GatherKernel, WindowAttentionGradientGpu.ScatterKernel,
        WindowAttentionGpu.Narrow, WindowAttentionGpu.Medium, WindowAttentionGpu.Wide, WindowAttentionGpu.Combine,
        ElementwiseGpu.AddKernel, ElementwiseGpu.MapKernel, ElementwiseGpu.MapGradientKernel, ElementwiseGpu.ThresholdKernel,
        DepthwiseConv2dGpu.Kernel, DepthwiseConv2dGradientGpu.PixelKernel, DepthwiseConv2dGradientGpu.TapKernel,
        MaxPool2x2Gpu.Kernel, MaxPool2x2GradientGpu.Kernel,
        Upsample2xGpu.Kernel, Upsample2xGradientGpu.Kernel,
        TransposeGpu.Kernel,
        RopeGpu.Kernel,
        L2NormalizeGpu.Kernel, L2NormalizeGpu.GradientKernel,
        MaskProductGpu.Kernel,
        ResizeGpu.DirectKernel, ResizeGpu.BlendKernel, ResizeGpu.GradientKernel,
        LogMelGpu.Kernel,
        SelectGpu.BestKernel, SelectGpu.WhereKernel, SelectGpu.ChosenKernel, SelectGpu.AddWhereKernel,
        DropoutGpu.Kernel,
        GatherGpu.Kernel,
        AdamWGpu.Kernel,
        SquareSumGpu.Kernel,
        BatchNormGpu.SumKernel, BatchNormGpu.StatisticsKernel, BatchNormGpu.TotalKernel, BatchNormGpu.ApplyKernel, BatchNormGpu.SlopeKernel,
        MaskLossGpu.SumKernel, MaskLossGpu.TotalKernel, MaskLossGpu.SlopeKernel,
        InfoNceGpu.SumKernel, InfoNceGpu.TotalKernel, InfoNceGpu.SlopeKernel,
    ];

    /// <summary>What profilers show, after ILGPU's prefix <c>Kernel_</c>: the name of the method, for example <c>GemmMultiply</c>.</summary>
    public string Name => Method.Name;

    /// <summary>The kernel's code.</summary>
    public MethodInfo Method { get; }

    /// <summary>Threads of a group on a GPU, and the most that the kernel may be launched with.</summary>
    public int GroupSize { get; }

    /// <summary>Most dynamic shared memory that a launch may ask for, in floats.</summary>
    public int MaxSharedFloats { get; }

    /// <summary>
    /// Groups that must fit on a multiprocessor together, where the compiler would otherwise hand out more registers than that leaves; null
    /// where it may choose.
    /// </summary>
    public int? ResidentGroups { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A kernel with its type of arguments.</summary>
/// <param name="body">The kernel's code: a static method.</param>
/// <param name="groupSize">Threads of a group on a GPU.</param>
/// <param name="maxSharedFloats">Most dynamic shared memory that a launch may ask for, in floats.</param>
/// <param name="residentGroups">Groups that must fit on a multiprocessor together; null where the compiler may choose.</param>
internal sealed class GpuKernel<TArguments>(Action<TArguments> body, int groupSize, int maxSharedFloats = 0, int? residentGroups = null)
    : GpuKernel(body.Method, groupSize, maxSharedFloats, residentGroups)
    where TArguments : struct
{
    /// <summary>The kernel's code.</summary>
    public Action<TArguments> Body { get; } = body;
}
