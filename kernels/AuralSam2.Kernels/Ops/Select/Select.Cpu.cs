namespace AuralSam2.Kernels.Ops;

/// <summary>A look at the values and a copy.</summary>
internal static unsafe class SelectCpu
{
    public static void Best(CpuDevice device, Tensor scores, Tensor table, Tensor y, int first, Tensor index)
    {
        var best = first;
        for (var i = first + 1; i < scores.Columns; i++)
            if (Select.IsBetter(scores.Pointer[i], scores.Pointer[best])) best = i;

        var row = table.Slice(best, 1);
        device.Copy(row, y.Reshape(row.Rows, row.Columns));
        if (!index.IsEmpty) *index.Pointer = best;
    }

    public static void Where(CpuDevice device, Tensor condition, Tensor a, Tensor b, Tensor y) => device.Copy(*condition.Pointer > 0 ? a : b, y);
}
