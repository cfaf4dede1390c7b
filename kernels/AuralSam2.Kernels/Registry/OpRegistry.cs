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
        .. BatchNormCases.All(),
        .. ElementwiseCases.All(),
        .. DropoutCases.All(),
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
        .. RowSumCases.All(),
        .. GatherCases.All(),
        .. MaskLossCases.All(),
        .. AdamWCases.All(),
        .. SquareSumCases.All(),
        .. InfoNceCases.All(),
    ];
}
