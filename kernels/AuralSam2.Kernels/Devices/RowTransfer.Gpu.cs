using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels;

/// <summary>Copies and fills of tensors whose rows may be strided, one element per thread: neighbouring threads touch neighbouring columns.</summary>
internal static class RowTransferGpu
{
    public static readonly GpuKernel<CopyArguments> CopyKernel = new(CopyRows, groupSize: 256);
    public static readonly GpuKernel<FillArguments> FillKernel = new(FillRows, groupSize: 256);

    /// <summary>Arguments of <see cref="CopyRows"/>.</summary>
    public readonly record struct CopyArguments(RowView From, RowView To);

    /// <summary>Arguments of <see cref="FillRows"/>.</summary>
    public readonly record struct FillArguments(RowView To, float Value);

    public static void Copy(IlgpuDevice device, Tensor from, Tensor to)
    {
        var size = device.GroupSize(CopyKernel);
        device.Launch(CopyKernel, (to.Length + size - 1) / size, size, 0, new CopyArguments(device.Rows(from), device.Rows(to)));
    }

    public static void Fill(IlgpuDevice device, Tensor to, float value)
    {
        var size = device.GroupSize(FillKernel);
        device.Launch(FillKernel, (to.Length + size - 1) / size, size, 0, new FillArguments(device.Rows(to), value));
    }

    internal static void CopyRows(CopyArguments arguments)
    {
        var (row, column) = Element(arguments.To);
        if (row < arguments.To.Rows) arguments.To[row, column] = arguments.From[row, column];
    }

    internal static void FillRows(FillArguments arguments)
    {
        var (row, column) = Element(arguments.To);
        if (row < arguments.To.Rows) arguments.To[row, column] = arguments.Value;
    }

    /// <summary>The element of this thread; its row is out of range behind the end.</summary>
    private static (int Row, int Column) Element(RowView view)
    {
        var element = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        return ((int)(element / view.Columns), (int)(element % view.Columns));
    }
}
