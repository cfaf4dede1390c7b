using AuralSam2.Kernels.Ops;

namespace AuralSam2.Kernels.Registry;

/// <summary>Every case of every op: what tests check and benchmarks time.</summary>
public static class OpRegistry
{
    /// <summary>All cases, op by op.</summary>
    public static IReadOnlyList<OpCase> Cases { get; } =
    [
        .. GemmCases.All(),
        .. FeedForwardCases.All(),
        .. AttentionCases.All(),
        .. WindowAttentionCases.All(),
        .. DotProductFusionCases.All(),
        .. LayerNormCases.All(),
        .. ElementwiseCases.All(),
        .. Conv2dCases.All(),
        .. DepthwiseConv2dCases.All(),
        .. ConvTranspose2x2Cases.All(),
        .. MaxPool2x2Cases.All(),
        .. Upsample2xCases.All(),
        .. TransposeCases.All(),
        .. RopeCases.All(),
        .. L2NormalizeCases.All(),
        .. MaskProductCases.All(),
        .. ResizeCases.All(),
        .. LogMelCases.All(),
        .. SelectCases.All(),
    ];

    /// <summary>Ops that have GPU kernels; the emulator runs the same ones. A test compares this table with what devices refuse.</summary>
    public static IReadOnlySet<string> GpuOps { get; } = new HashSet<string>
    {
        nameof(Gemm), nameof(FeedForward), nameof(Attention), nameof(WindowAttention), nameof(DotProductFusion), nameof(LayerNorm), nameof(Conv2d), nameof(ConvTranspose2x2),
        nameof(Elementwise), nameof(DepthwiseConv2d), nameof(MaxPool2x2), nameof(Upsample2x), nameof(Transpose), nameof(Rope), nameof(L2Normalize),
        nameof(MaskProduct), nameof(Resize), nameof(LogMel), nameof(Select),
    };

    /// <summary>Whether a device has a kernel for an op; without one the op throws <see cref="NotSupportedException"/>.</summary>
    public static bool Supports(Device device, string op) => device is CpuDevice || (device is IlgpuDevice && GpuOps.Contains(op));
}
