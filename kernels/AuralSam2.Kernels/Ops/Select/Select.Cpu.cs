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
        device.CopyCore(row, y.Reshape(row.Rows, row.Columns));
        if (!index.IsEmpty) *index.Pointer = best;
    }

    public static void Where(CpuDevice device, Tensor condition, Tensor a, Tensor b, Tensor y) =>
        device.CopyCore(*condition.Pointer > 0 ? a : b, y);

    public static void AddToChosen(CpuDevice device, Tensor index, Tensor dy, Tensor table)
    {
        var row = table.Slice((int)*index.Pointer, 1);
        ElementwiseCpu.Add(device, row, dy.Reshape(row.Rows, row.Columns), row, 1f);
    }

    public static void AddWhere(CpuDevice device, Tensor condition, bool positive, Tensor dy, Tensor target, bool replace)
    {
        var applies = *condition.Pointer > 0 == positive;
        if (replace && !applies) device.FillCore(target, 0);
        else if (replace) device.CopyCore(dy, target);
        else if (applies) ElementwiseCpu.Add(device, target, dy, target, 1f);
    }
}
