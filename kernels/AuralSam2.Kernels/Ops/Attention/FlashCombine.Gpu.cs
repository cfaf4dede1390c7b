using System.Numerics;
using AuralSam2.Kernels.Simt;
using ILGPU;

namespace AuralSam2.Kernels.Ops;

/// <summary>Arguments of the kernels that put splits together.</summary>
/// <param name="Partials">Weighted sums of values, of all splits: rows of whole quads.</param>
/// <param name="Statistics">Largest score and sum of the weights of each row.</param>
/// <param name="Y">The result.</param>
/// <param name="Map">Where tokens lie.</param>
/// <param name="Plan">How the work was cut.</param>
/// <param name="QuadBits">2^QuadBits threads stand side by side at the quads of a row,</param>
/// <param name="SplitBits">2^SplitBits such ranks at its splits.</param>
/// <param name="Softmax">0: sums are added as they are.</param>
internal readonly record struct CombineArguments<TMap>(
    ArrayView<Float4> Partials, ArrayView<float> Statistics, TokenRows Y, TMap Map, FlashPlan Plan,
    int QuadBits, int SplitBits, int Softmax)
    where TMap : unmanaged, ITokenMap;

/// <summary>What some of the keys contribute to four channels of a query.</summary>
/// <param name="maximum">Their largest score.</param>
/// <param name="sum">The sum of their weights, relative to that score.</param>
/// <param name="total">The sum of their weighted values.</param>
internal readonly struct FlashPart(float maximum, float sum, Float4 total)
{
    public readonly float Maximum = maximum;
    public readonly float Sum = sum;
    public readonly Float4 Total = total;

    /// <summary>Of no keys.</summary>
    public static FlashPart None => new(float.MinValue, 0f, default);

    /// <summary>Of these keys and others.</summary>
    public FlashPart With(FlashPart others)
    {
        var maximum = others.Maximum > Maximum ? others.Maximum : Maximum;
        var (a, b) = (SimtMath.Exp2(Maximum - maximum), SimtMath.Exp2(others.Maximum - maximum));
        return new(
            maximum, (a * Sum) + (b * others.Sum),
            new(
                (a * Total.X) + (b * others.Total.X), (a * Total.Y) + (b * others.Total.Y),
                (a * Total.Z) + (b * others.Total.Z), (a * Total.W) + (b * others.Total.W)));
    }
}

/// <summary>
/// Puts the splits of every query together, in an order that depends on nothing but the plan; and stores to rows of no whole quads.
/// </summary>
internal static class FlashCombine
{
    /// <summary>Threads of a group on a GPU.</summary>
    private const int Threads = 128;

    /// <summary>Shared memory of a thread: what it has found.</summary>
    public const int SharedFloats = 8;

    /// <summary>A kernel that combines.</summary>
    public static GpuKernel<CombineArguments<TMap>> Kernel<TMap>(Action<CombineArguments<TMap>> body)
        where TMap : unmanaged, ITokenMap => new(body, Threads, Threads * SharedFloats);

    /// <summary>How many threads of a group stand at the quads of a row and at its splits, as bits.</summary>
    public static (int QuadBits, int SplitBits) Ranks(FlashPlan plan, int threads)
    {
        var bits = BitOperations.Log2((uint)threads);
        var quadBits = Math.Min(bits, CeilingLog2(plan.ValueQuads));
        return (quadBits, Math.Min(bits - quadBits, CeilingLog2(plan.Splits)));
    }

    /// <summary>The kernel.</summary>
    public static void Run<TMap>(CombineArguments<TMap> arguments)
        where TMap : unmanaged, ITokenMap
    {
        var (plan, shape, thread) = (arguments.Plan, arguments.Plan.Shape, GroupThread.Current);
        var shared = SharedQuads.Get();
        var rowBits = arguments.QuadBits + arguments.SplitBits;
        var rank = (thread.Index >> arguments.QuadBits) & ((1 << arguments.SplitBits) - 1);
        var row = (Grid.IdxX * (thread.Count >> rowBits)) + (thread.Index >> rowBits);
        var (query, sequenceAndHead) = (row % shape.Queries, row / shape.Queries);
        var (sequence, head) = (sequenceAndHead / shape.Heads, sequenceAndHead % shape.Heads);
        var output = row < plan.PartialRows ? arguments.Map.Output(sequence, query) : -1;
        for (var quad0 = 0; quad0 < plan.ValueQuads; quad0 += 1 << arguments.QuadBits)
        {
            var quad = quad0 + (thread.Index & ((1 << arguments.QuadBits) - 1));
            var stores = output >= 0 && quad < plan.ValueQuads;
            var part = FlashPart.None;
            for (var split = rank; stores && split < plan.Splits; split += 1 << arguments.SplitBits)
            {
                var from = plan.PartialRow(split, sequence, head, query);
                var total = arguments.Partials[((long)from * plan.ValueQuads) + quad];
                part = part.With(arguments.Softmax != 0
                    ? new(arguments.Statistics[2 * from], arguments.Statistics[(2 * from) + 1], total)
                    : new(0f, 1f, total));
            }

            shared[2 * thread.Index] = part.Total;
            shared[(2 * thread.Index) + 1] = new(part.Maximum, part.Sum, 0f, 0f);
            thread.Barrier();
            if (stores && rank == 0)
            {
                for (var other = 1; other < 1 << arguments.SplitBits; other++)
                {
                    var at = 2 * (thread.Index + (other << arguments.QuadBits));
                    part = part.With(new(shared[at + 1].X, shared[at + 1].Y, shared[at]));
                }

                Store(arguments, output, head, quad, part);
            }

            thread.Barrier(); // before the next quads
        }
    }

    private static void Store<TMap>(CombineArguments<TMap> arguments, int row, int head, int quad, FlashPart part)
        where TMap : unmanaged, ITokenMap
    {
        var y = arguments.Y;
        var factor = arguments.Softmax != 0 ? 1f / part.Sum : 1f;
        var value = new Float4(part.Total.X * factor, part.Total.Y * factor, part.Total.Z * factor, part.Total.W * factor);
        if (y.QuadStride > 0)
        {
            y.Quads[(row * y.QuadStride) + (head * arguments.Plan.ValueQuads) + quad] = value;
            return;
        }

        var (column, channels) = ((head * y.HeadDim) + (4 * quad), y.HeadDim - (4 * quad));
        y.Rows[row, column] = value.X;
        if (channels > 1) y.Rows[row, column + 1] = value.Y;
        if (channels > 2) y.Rows[row, column + 2] = value.Z;
        if (channels > 3) y.Rows[row, column + 3] = value.W;
    }

    private static int CeilingLog2(int n) => BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)n));
}
