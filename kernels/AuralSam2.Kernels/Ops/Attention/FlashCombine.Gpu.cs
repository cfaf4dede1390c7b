using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Puts the results of splits together.</summary>
internal static class FlashCombine
{
    public static void Run<TMap>(CombineArguments<TMap> arguments)
        where TMap : unmanaged, ITokenMap
    {
        var (plan, lanes, statistics) = (arguments.Plan, arguments.Lanes, arguments.Statistics);
        var rows = plan.PartialRow(split: 1, 0, 0, 0);
        var row = (Grid.IdxX * (Group.DimX / lanes)) + (Group.IdxX / lanes);
        if (row >= rows) return;
        var (sequence, head) = (row / plan.Shape.Queries / plan.Shape.Heads, row / plan.Shape.Queries % plan.Shape.Heads);
        var output = arguments.Map.Output(sequence, row % plan.Shape.Queries);
        if (output < 0) return;
        var maximum = float.MinValue;
        var sum = 1f;
        if (arguments.Softmax != 0)
        {
            for (var s = 0; s < plan.Splits; s++)
            {
                var m = statistics[2 * (row + (s * rows))];
                maximum = m > maximum ? m : maximum;
            }

            sum = 0f;
            for (var s = 0; s < plan.Splits; s++)
                sum += SimtMath.Exp2(statistics[2 * (row + (s * rows))] - maximum) * statistics[(2 * (row + (s * rows))) + 1];
        }

        for (var quad = Group.IdxX & (lanes - 1); quad < plan.HeadQuads; quad += lanes)
        {
            Float4 total = default;
            for (var s = 0; s < plan.Splits; s++)
            {
                var from = row + (s * rows);
                var weight = arguments.Softmax != 0 ? SimtMath.Exp2(statistics[2 * from] - maximum) : 1f;
                total = arguments.Partials[((long)from * plan.HeadQuads) + quad].MultiplyAdd(weight, total);
            }

            var column = (head * plan.Shape.HeadDim) + (4 * quad);
            var channels = plan.Shape.HeadDim - (4 * quad);
            arguments.Y[output, column] = total.X / sum;
            if (channels > 1) arguments.Y[output, column + 1] = total.Y / sum;
            if (channels > 2) arguments.Y[output, column + 2] = total.Z / sum;
            if (channels > 3) arguments.Y[output, column + 3] = total.W / sum;
        }
    }
}
