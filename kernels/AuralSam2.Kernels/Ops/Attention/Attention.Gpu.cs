using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Attention of sequences on a GPU: a group takes a block of queries of one head, and the keys or a share of them.</summary>
internal static class AttentionGpu
{
    public static readonly GpuKernel<FlashArguments<SequenceMap>> Narrow = FlashWidth.Narrow.Kernel<SequenceMap>(Attend64);
    public static readonly GpuKernel<FlashArguments<SequenceMap>> Medium = FlashWidth.Medium.Kernel<SequenceMap>(Attend96);
    public static readonly GpuKernel<FlashArguments<SequenceMap>> Wide = FlashWidth.Wide.Kernel<SequenceMap>(Attend256);
    public static readonly GpuKernel<CombineArguments<SequenceMap>> Combine = FlashCombine.Kernel<SequenceMap>(AttendCombine);

    private static readonly FlashKernels<SequenceMap> Kernels = new(Narrow, Medium, Wide, Combine);

    /// <summary>Softmax attention, or, with a <paramref name="linearScale"/>, the plain product (scale q k^T) v.</summary>
    public static void Run(IlgpuDevice device, Tensor q, Tensor k, Tensor v, Tensor y, int heads, int batch, float? linearScale = null)
    {
        if (q.Rows == 0) return;
        var (queries, keys) = (q.Rows / batch, k.Rows / batch);
        Kernels.Run(
            device, (q, k, v, y), padding: default, new SequenceMap(queries, keys),
            new FlashShape(batch, heads, queries, keys, q.Columns / heads, v.Columns / heads, Corners: 1), linearScale);
    }

    internal static void Attend64(FlashArguments<SequenceMap> arguments) => new FlashGroup<SequenceMap>(arguments).AttendNarrow();

    internal static void Attend96(FlashArguments<SequenceMap> arguments) => new FlashGroup<SequenceMap>(arguments).AttendMedium();

    internal static void Attend256(FlashArguments<SequenceMap> arguments) => new FlashGroup<SequenceMap>(arguments).AttendWide();

    internal static void AttendCombine(CombineArguments<SequenceMap> arguments) => FlashCombine.Run(arguments);
}

/// <summary>Sequences lie one behind the other.</summary>
/// <param name="Queries">Queries of a sequence.</param>
/// <param name="Keys">Keys of a sequence.</param>
internal readonly record struct SequenceMap(int Queries, int Keys) : ITokenMap
{
    public static bool HasPadding => false;

    public int Query(int sequence, int query, int corner) => (sequence * Queries) + query;

    public int Key(int sequence, int key) => (sequence * Keys) + key;

    public int Output(int sequence, int query) => (sequence * Queries) + query;
}
