using AuralSam2.Kernels.Simt;

namespace AuralSam2.Kernels;

/// <summary>Copies and fills of tensors whose rows may be strided.</summary>
internal static class RowTransferGpu
{
    public static readonly GpuKernel<CopyArguments> CopyKernel = new(CopyRows, groupSize: 256);
    public static readonly GpuKernel<FillArguments> FillKernel = new(FillRows, groupSize: 256);

    /// <summary>Arguments of <see cref="CopyRows"/>.</summary>
    public readonly record struct CopyArguments(RowView From, RowView To, RowQuads Walk);

    /// <summary>Arguments of <see cref="FillRows"/>.</summary>
    public readonly record struct FillArguments(RowView To, float Value, RowQuads Walk);

    public static void Copy(IlgpuDevice device, Tensor from, Tensor to)
    {
        var (walk, size) = (RowQuads.Over(from, to), device.GroupSize(CopyKernel));
        device.Launch(CopyKernel, walk.Groups(size), size, 0, new CopyArguments(device.Rows(from), device.Rows(to), walk));
    }

    public static void Fill(IlgpuDevice device, Tensor to, float value)
    {
        var (walk, size) = (RowQuads.Over(to), device.GroupSize(FillKernel));
        device.Launch(FillKernel, walk.Groups(size), size, 0, new FillArguments(device.Rows(to), value, walk));
    }

    internal static void CopyRows(CopyArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        arguments.To.Store(row, quad, arguments.From.Load(row, quad));
    }

    internal static void FillRows(FillArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var value = arguments.Value;
        arguments.To.Store(row, quad, new Float4(value, value, value, value));
    }
}
