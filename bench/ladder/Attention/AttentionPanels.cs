using AuralSam2.Kernels;

namespace AuralSam2.Ladder;

/// <summary>
/// Keys and values of one head as the right operands of two matrix products: keys in panels of three vectors, <c>[panels][d][columns]</c>,
/// values with rows padded to whole panels. Padding is zero. Activations, unlike weights, are packed in every run.
/// </summary>
internal sealed unsafe class AttentionPanels
{
    private readonly AttentionProblem problem;
    private readonly Tensor keys;
    private readonly Tensor values;

    public AttentionPanels(AttentionProblem problem)
    {
        this.problem = problem;
        Columns = 3 * problem.Device.Isa.Lanes();
        ValueColumns = (problem.HeadDim + Columns - 1) / Columns * Columns;
        Count = (problem.Tokens + Columns - 1) / Columns;
        keys = problem.Allocate(Count, problem.HeadDim, Columns);
        values = problem.Allocate(problem.Tokens, ValueColumns);
        problem.Device.Fill(keys, 0);
        problem.Device.Fill(values, 0);
    }

    /// <summary>Keys of a panel.</summary>
    public int Columns { get; }

    /// <summary>Panels of keys.</summary>
    public int Count { get; }

    /// <summary>Columns of a padded row of values.</summary>
    public int ValueColumns { get; }

    /// <summary>Packed keys of a panel.</summary>
    public float* Keys(int panel) => keys.Pointer + ((nint)panel * problem.HeadDim * Columns);

    /// <summary>Values from a token on.</summary>
    public float* Values(int token) => values.Pointer + ((nint)token * ValueColumns);

    /// <summary>Packs a head.</summary>
    public void Pack(int head)
    {
        int d = problem.HeadDim, column = head * d;
        for (var token = 0; token < problem.Tokens; token++)
        {
            var place = ((nint)token * problem.Channels) + column;
            float* k = problem.K.Pointer + place, target = Keys(token / Columns) + (token % Columns);
            for (var c = 0; c < d; c++, target += Columns) *target = k[c];
            new ReadOnlySpan<float>(problem.V.Pointer + place, d).CopyTo(new Span<float>(Values(token), d));
        }
    }
}
