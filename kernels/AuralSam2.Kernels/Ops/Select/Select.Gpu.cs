using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Every thread looks at the values, which are few, and moves four columns of what they choose.</summary>
internal static class SelectGpu
{
    private const int Threads = 256;

    public static readonly GpuKernel<BestArguments> BestKernel = new(SelectBest, Threads);
    public static readonly GpuKernel<WhereArguments> WhereKernel = new(SelectWhere, Threads);

    public static readonly GpuKernel<ChosenArguments> ChosenKernel = new(SelectAddToChosen, Threads);
    public static readonly GpuKernel<AddWhereArguments> AddWhereKernel = new(SelectAddWhere, Threads);

    /// <summary>Arguments of <see cref="SelectAddToChosen"/>.</summary>
    public readonly record struct ChosenArguments(RowView Index, RowView Dy, RowView Table, RowQuads Walk);

    /// <summary>Arguments of <see cref="SelectAddWhere"/>; flags are 0 or 1.</summary>
    public readonly record struct AddWhereArguments(RowView Condition, int Positive, RowView Dy, RowView Target, int Kept, RowQuads Walk);

    /// <summary>Arguments of <see cref="SelectBest"/>.</summary>
    /// <param name="Scores"><c>[1, n]</c>.</param>
    /// <param name="First">The first score that takes part.</param>
    /// <param name="Table"><c>[n, columns]</c>.</param>
    /// <param name="Y"><c>[1, columns]</c>.</param>
    /// <param name="Index"><c>[1]</c>; no rows when absent.</param>
    /// <param name="Walk">Over <paramref name="Y"/>.</param>
    public readonly record struct BestArguments(RowView Scores, int First, RowView Table, RowView Y, RowView Index, RowQuads Walk);

    /// <summary>Arguments of <see cref="SelectWhere"/>.</summary>
    public readonly record struct WhereArguments(RowView Condition, RowView A, RowView B, RowView Y, RowQuads Walk);

    public static void Best(IlgpuDevice device, Tensor scores, Tensor table, Tensor y, int first, Tensor index)
    {
        var columns = checked((int)y.Length);
        (table, y) = (table.Reshape(scores.Columns, columns), y.Reshape(1, columns));
        var (walk, size) = (RowQuads.Of(1, columns, table, y), device.GroupSize(BestKernel));
        var arguments = new BestArguments(device.Rows(scores), first, device.Rows(table), device.Rows(y), device.Rows(index), walk);
        device.Launch(BestKernel, walk.Groups(size), size, 0, arguments);
    }

    public static void Where(IlgpuDevice device, Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        var (walk, size) = (RowQuads.Over(a, b, y), device.GroupSize(WhereKernel));
        var arguments = new WhereArguments(device.Rows(condition), device.Rows(a), device.Rows(b), device.Rows(y), walk);
        device.Launch(WhereKernel, walk.Groups(size), size, 0, arguments);
    }

    public static void AddToChosen(IlgpuDevice device, Tensor index, Tensor dy, Tensor table)
    {
        var columns = checked((int)dy.Length);
        (table, dy) = (table.Reshape(table.Shape[0], columns), dy.Reshape(1, columns));
        var (walk, size) = (RowQuads.Of(1, columns, table, dy), device.GroupSize(ChosenKernel));
        device.Launch(
            ChosenKernel, walk.Groups(size), size, 0, new ChosenArguments(device.Rows(index), device.Rows(dy), device.Rows(table), walk));
    }

    public static void AddWhere(IlgpuDevice device, Tensor condition, bool positive, Tensor dy, Tensor target, bool replace)
    {
        var (walk, size) = (RowQuads.Over(dy, target), device.GroupSize(AddWhereKernel));
        var arguments = new AddWhereArguments(
            device.Rows(condition), positive ? 1 : 0, device.Rows(dy), device.Rows(target), replace ? 0 : 1, walk);
        device.Launch(AddWhereKernel, walk.Groups(size), size, 0, arguments);
    }

    internal static void SelectBest(BestArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var (best, highest) = (arguments.First, arguments.Scores[0, arguments.First]);
        for (var i = arguments.First + 1; i < arguments.Scores.Columns; i++)
        {
            var score = arguments.Scores[0, i];
            if (!Select.IsBetter(score, highest)) continue;
            (best, highest) = (i, score);
        }

        arguments.Y.Store(row, quad, arguments.Table.Load(best, quad));
        if (arguments.Index.Rows > 0 & quad.First == 0) arguments.Index[0, 0] = best;
    }

    internal static void SelectAddToChosen(ChosenArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var chosen = (int)arguments.Index[0, 0];
        arguments.Table.Store(chosen, quad, arguments.Dy.Load(row, quad).MultiplyAdd(1f, arguments.Table.Load(chosen, quad)));
    }

    internal static void SelectAddWhere(AddWhereArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        var applies = (arguments.Condition[0, 0] > 0 ? 1 : 0) == arguments.Positive;
        Float4 value = default;
        if (applies) value = arguments.Dy.Load(row, quad);
        if (arguments.Kept != 0) value = value.MultiplyAdd(1f, arguments.Target.Load(row, quad));
        arguments.Target.Store(row, quad, value);
    }

    internal static void SelectWhere(WhereArguments arguments)
    {
        var (row, quad) = arguments.Walk.OfThisThread();
        if (quad.IsEmpty) return;
        arguments.Y.Store(row, quad, arguments.Condition[0, 0] > 0 ? arguments.A.Load(row, quad) : arguments.B.Load(row, quad));
    }
}
