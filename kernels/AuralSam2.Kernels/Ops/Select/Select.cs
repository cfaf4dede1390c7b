namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Choices by computed values (the mask with the best score, what to remember when no object is there), made where the values are: a frame
/// does not have to wait for the host to look at them.
/// </summary>
public static class Select
{
    /// <summary>
    /// y = the row of a table whose score is highest. Of equal scores the first wins; a NaN never wins over a number.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="scores"><c>[n]</c> or <c>[1, n]</c>: a handful.</param>
    /// <param name="table"><c>[n, columns]</c>, or dense <c>[n, height, width]</c>: n planes.</param>
    /// <param name="y"><c>[1, columns]</c> or <c>[height, width]</c>: as many elements as a row of the table, dense.</param>
    /// <param name="first">Scores before this one do not take part.</param>
    /// <param name="index">Optional <c>[1]</c>: which row it was, counted from the table's first.</param>
    /// <exception cref="ArgumentException">The shapes disagree, or no score takes part.</exception>
    public static void Best(Device device, Tensor scores, Tensor table, Tensor y, int first = 0, Tensor index = default)
    {
        OpArguments.Require(
            scores.Rows == 1 && first >= 0 && first < scores.Columns && (index.IsEmpty || index.Length == 1),
            "Select", $"scores {scores} from {first} on, index {index}");
        OpArguments.Require(
            table.Shape.Rank >= 2 && table.Shape[0] == scores.Columns && (table.Shape.Rank == 2 || table.IsDense) &&
            y.Length > 0 && y.IsDense && y.Length * scores.Columns == table.Length,
            "Select", $"scores {scores}, table {table}, y {y}");
        if (!index.IsEmpty) device.Tape?.Overwritten(index);
        var record = device.Recording("Select", y, [table]);
        var chosen = record is null ? index : record.Reserve(1);
        RunBest(device, scores, table, y, first, chosen);
        if (record is not null && !index.IsEmpty) device.CopyCore(chosen, index);
        record?.Commit(y, () =>
        {
            using var timing = device.Time("Select.Gradient", y.Length, 12.0 * y.Length, $"{y.Shape}");
            Tensor dy = record.Gradient(y), target = record.Gradient(table);
            switch (device)
            {
                case CpuDevice cpu: SelectCpu.AddToChosen(cpu, chosen, dy, target); break;
                case IlgpuDevice gpu: SelectGpu.AddToChosen(gpu, chosen, dy, target); break;
                default: throw device.Unsupported("Select.Gradient");
            }
        });
    }

    private static void RunBest(Device device, Tensor scores, Tensor table, Tensor y, int first, Tensor index)
    {
        var candidates = scores.Columns - first;
        using var timing = device.Time("Select", candidates, 4.0 * (candidates + (2 * y.Length) + (index.IsEmpty ? 0 : 1)), $"{y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: SelectCpu.Best(cpu, scores, table, y, first, index); break;
            case IlgpuDevice gpu: SelectGpu.Best(gpu, scores, table, y, first, index); break;
            default: throw device.Unsupported("Select");
        }
    }

    /// <summary>y = a where the condition is above 0, otherwise b (also for a NaN): one of them as a whole.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="condition">One element.</param>
    /// <param name="a"><c>[rows, columns]</c>.</param>
    /// <param name="b">Shape of a.</param>
    /// <param name="y">Shape of a; may be a or b.</param>
    /// <exception cref="ArgumentException">The shapes disagree.</exception>
    public static void Where(Device device, Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        OpArguments.Require(
            condition.Length == 1 && a.Rows == y.Rows && a.Columns == y.Columns && b.Rows == y.Rows && b.Columns == y.Columns,
            "Select", $"condition {condition}, a {a}, b {b}, y {y}");
        var record = device.Recording("Select", y, [a, b]);
        var (wantsA, wantsB) = (record?.Wants(a) == true, record?.Wants(b) == true);
        var saved = record?.Save(condition) ?? default;
        RunWhere(device, condition, a, b, y);
        record?.Commit(y, () =>
        {
            var dy = record.Gradient(y);
            // The operand that y replaced comes last: its gradient is made of dy in dy's place.
            if (wantsA && !a.IsSameAs(y)) AddWhere(device, saved, positive: true, dy, record.Gradient(a), replace: false);
            if (wantsB && !b.IsSameAs(y)) AddWhere(device, saved, positive: false, dy, record.Gradient(b), replace: false);
            record.Keeps = (wantsA && a.IsSameAs(y)) || (wantsB && b.IsSameAs(y));
            if (record.Keeps) AddWhere(device, saved, positive: a.IsSameAs(y), dy, dy, replace: true);
        });
    }

    /// <summary>target = (target +) dy where the condition is above 0, or where it is not.</summary>
    private static void AddWhere(Device device, Tensor condition, bool positive, Tensor dy, Tensor target, bool replace)
    {
        using var timing = device.Time("Select.Gradient", dy.Length, 12.0 * dy.Length, $"{dy.Shape}");
        switch (device)
        {
            case CpuDevice cpu: SelectCpu.AddWhere(cpu, condition, positive, dy, target, replace); break;
            case IlgpuDevice gpu: SelectGpu.AddWhere(gpu, condition, positive, dy, target, replace); break;
            default: throw device.Unsupported("Select.Gradient");
        }
    }

    private static void RunWhere(Device device, Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        using var timing = device.Time("Select", 1, 4.0 * (1 + (2 * y.Length)), $"{y.Shape}");
        switch (device)
        {
            case CpuDevice cpu: SelectCpu.Where(cpu, condition, a, b, y); break;
            case IlgpuDevice gpu: SelectGpu.Where(gpu, condition, a, b, y); break;
            default: throw device.Unsupported("Select");
        }
    }

    /// <summary>Whether a score takes the place of the best so far. Kernels use it as well.</summary>
    internal static bool IsBetter(float score, float best) => score > best | (float.IsNaN(best) & !float.IsNaN(score));
}
