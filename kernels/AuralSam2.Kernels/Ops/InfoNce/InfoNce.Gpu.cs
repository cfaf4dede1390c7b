using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>
/// The contrastive loss on a GPU: a group takes a row of the matrix, its threads take columns, and nothing of the matrix is stored. The
/// gradients of anchors and of contrasts are walks of their own: no two groups add to one row.
/// </summary>
internal static class InfoNceGpu
{
    private const int Threads = 128;

    public static readonly GpuKernel<SumArguments> SumKernel = new(InfoNceSums, Threads, maxSharedFloats: 2 * Threads);
    public static readonly GpuKernel<TotalArguments> TotalKernel = new(InfoNceTotal, Threads, maxSharedFloats: 2 * Threads);
    public static readonly GpuKernel<SlopeArguments> SlopeKernel = new(InfoNceSlopes, Threads, maxSharedFloats: Threads);

    /// <summary>Arguments of <see cref="InfoNceSums"/>; for the marks see <see cref="ContrastMarks"/>.</summary>
    public readonly record struct SumArguments(
        RowView Anchors, RowView Contrasts, RowView OfAnchors, RowView OfContrasts, RowView Kept, float Sharpness, int Supervised, int Vector);

    /// <summary>Arguments of <see cref="InfoNceTotal"/>.</summary>
    public readonly record struct TotalArguments(RowView Kept, RowView Loss);

    /// <summary>Arguments of <see cref="InfoNceSlopes"/>: rows of <paramref name="Gradient"/> are anchors (1) or contrasts (0).</summary>
    public readonly record struct SlopeArguments(
        RowView Anchors, RowView Contrasts, RowView OfAnchors, RowView OfContrasts, RowView Kept, RowView DLoss, RowView Gradient,
        float Sharpness, int Supervised, int RowsAreAnchors, int Vector);

    public static void Run(IlgpuDevice device, InfoNce.Problem problem, Tensor loss)
    {
        var (anchors, contrasts, size) = (problem.Anchors, problem.Contrasts, device.GroupSize(SumKernel));
        device.Launch(SumKernel, anchors.Rows, size, 2 * size, new SumArguments(
            device.Rows(anchors), device.Rows(contrasts), device.Rows(problem.Marks.Anchors), device.Rows(problem.Marks.Contrasts),
            device.Rows(problem.Kept), problem.Sharpness, problem.Supervised ? 1 : 0, RowQuads.VectorOf(anchors, contrasts)));
        size = device.GroupSize(TotalKernel);
        device.Launch(TotalKernel, 1, size, 2 * size, new TotalArguments(device.Rows(problem.Kept), device.Rows(loss)));
    }

    public static void Gradient(IlgpuDevice device, InfoNce.Problem problem, Tensor dLoss, Tensor dAnchors, Tensor dContrasts)
    {
        if (!dAnchors.IsEmpty) Walk(device, problem, dLoss, dAnchors, 1);
        if (!dContrasts.IsEmpty) Walk(device, problem, dLoss, dContrasts, 0);
    }

    private static void Walk(IlgpuDevice device, InfoNce.Problem problem, Tensor dLoss, Tensor gradient, int rowsAreAnchors)
    {
        var size = device.GroupSize(SlopeKernel);
        device.Launch(SlopeKernel, gradient.Rows, size, size, new SlopeArguments(
            device.Rows(problem.Anchors), device.Rows(problem.Contrasts), device.Rows(problem.Marks.Anchors),
            device.Rows(problem.Marks.Contrasts), device.Rows(problem.Kept), device.Rows(dLoss), device.Rows(gradient), problem.Sharpness,
            problem.Supervised ? 1 : 0, rowsAreAnchors, RowQuads.VectorOf(problem.Anchors, problem.Contrasts)));
    }

    internal static void InfoNceSums(SumArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var (thread, i, m) = (GroupThread.Current, Grid.IdxX, arguments.Contrasts.Rows);
        float label = arguments.OfAnchors[0, i], identity = arguments.OfAnchors[1, i], top = -1e30f;
        var (marks, sum) = (arguments.OfContrasts, 0f);
        for (var j = thread.Index; j < m; j += thread.Count)
        {
            var s = arguments.Sharpness * Dot(arguments.Anchors, i, arguments.Contrasts, j, arguments.Vector);
            if (s > top | float.IsNaN(s))
            {
                sum *= SimtMath.Exp(top - s);
                top = s;
            }

            var meets = identity != marks[1, j] & (arguments.Supervised != 0 | label != marks[0, j]);
            if (meets) sum += marks[3, j] * SimtMath.Exp(s - top);
        }

        // The highest of all threads.
        partials[thread.Index] = top;
        for (var half = thread.Count / 2; half > 0; half /= 2)
        {
            thread.Barrier();
            if (thread.Index >= half) continue;
            var other = partials[thread.Index + half];
            if (other > partials[thread.Index] | double.IsNaN(other)) partials[thread.Index] = other;
        }

        thread.Barrier();
        var highest = (float)partials[0];
        thread.Barrier();
        var negatives = (float)LaneSum.Of(partials, thread.Count, (double)(sum * SimtMath.Exp(top - highest)));

        double loss = 0, reciprocals = 0, positives = 0;
        for (var j = thread.Index; j < m; j += thread.Count)
        {
            if (marks[2, j] == 0f | label != marks[0, j] | identity == marks[1, j]) continue;
            var s = (arguments.Sharpness * Dot(arguments.Anchors, i, arguments.Contrasts, j, arguments.Vector)) - highest;
            var denominator = negatives + (arguments.Supervised != 0 ? 0f : SimtMath.Exp(s));
            loss += s - SimtDouble.Log(denominator);
            reciprocals += 1.0 / denominator;
            positives += 1;
        }

        loss = LaneSum.Of(partials, thread.Count, loss);
        reciprocals = LaneSum.Of(partials, thread.Count, reciprocals);
        positives = LaneSum.Of(partials, thread.Count, positives);
        if (thread.Index != 0) return;
        arguments.Kept[0, i] = highest;
        arguments.Kept[1, i] = negatives;
        arguments.Kept[2, i] = (float)reciprocals;
        arguments.Kept[3, i] = (float)positives;
        arguments.Kept[4, i] = (float)(-loss / (positives > 1 ? positives : 1));
    }

    internal static void InfoNceTotal(TotalArguments arguments)
    {
        var partials = SharedMemory.GetDynamic<double>();
        var (thread, n, own) = (GroupThread.Current, arguments.Kept.Columns, 0.0);
        for (var i = thread.Index; i < n; i += thread.Count) own += arguments.Kept[4, i];
        var sum = LaneSum.Of(partials, thread.Count, own);
        if (thread.Index == 0) arguments.Loss[0, 0] += (float)(sum / n);
    }

    internal static void InfoNceSlopes(SlopeArguments arguments)
    {
        var slopes = SharedMemory.GetDynamic<float>();
        var (thread, row, byAnchors) = (GroupThread.Current, Grid.IdxX, arguments.RowsAreAnchors != 0);
        var others = byAnchors ? arguments.Contrasts : arguments.Anchors;
        for (var first = 0; first < others.Rows; first += thread.Count)
        {
            var other = first + thread.Index;
            slopes[thread.Index] = other < others.Rows ? Slope(arguments, byAnchors ? row : other, byAnchors ? other : row) : 0f;
            thread.Barrier();
            var count = IntrinsicMath.Min(thread.Count, others.Rows - first);
            for (var c = thread.Index; c < arguments.Gradient.Columns; c += thread.Count)
            {
                var sum = 0f;
                for (var k = 0; k < count; k++) sum += slopes[k] * others[first + k, c];
                arguments.Gradient[row, c] += sum;
            }

            thread.Barrier();
        }
    }

    /// <summary>ds of an anchor and a contrast.</summary>
    private static float Slope(SlopeArguments arguments, int i, int j)
    {
        var (marks, kept) = (arguments.OfContrasts, arguments.Kept);
        if (arguments.OfAnchors[1, i] == marks[1, j]) return 0f;
        var same = arguments.OfAnchors[0, i] == marks[0, j];
        var positives = kept[3, i];
        var factor = arguments.DLoss[0, 0] * arguments.Sharpness / (arguments.Anchors.Rows * (positives > 1f ? positives : 1f));
        var s = arguments.Sharpness * Dot(arguments.Anchors, i, arguments.Contrasts, j, arguments.Vector);
        var (e, sum) = (SimtMath.Exp(s - kept[0, i]), kept[1, i]);
        var pull = same ? marks[2, j] * (arguments.Supervised != 0 ? 1f : sum / (e + sum)) : 0f;
        var push = same & arguments.Supervised == 0 ? 0f : marks[3, j] * e * kept[2, i];
        return factor * (push - pull);
    }

    private static float Dot(RowView a, int i, RowView b, int j, int vector)
    {
        var sum = 0f;
        for (var c = 0; c < a.Columns; c += 4)
        {
            var quad = new ColumnQuad(c, a.Columns - c, vector);
            Float4 x = a.Load(i, quad), y = b.Load(j, quad);
            sum += (x.X * y.X) + (x.Y * y.Y) + (x.Z * y.Z) + (x.W * y.W);
        }

        return sum;
    }
}
