using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Ladder;

/// <summary>A linear layer, y = x W^T + b.</summary>
internal sealed class GemmProblem : Problem
{
    private Tensor kMajor;

    /// <summary>Makes the operands.</summary>
    public GemmProblem(CpuDevice device, int rows, int inputs, int outputs)
        : base(device, rows, outputs)
    {
        X = Random("x", 0, rows, inputs);
        Weight = Random("weight", 0, outputs, inputs);
        PanelColumns = 3 * device.Isa.Lanes();
        var padded = (outputs + PanelColumns - 1) / PanelColumns * PanelColumns;
        PaddedBias = Random("bias", 0, padded);
    }

    /// <summary><c>[rows, inputs]</c>.</summary>
    public Tensor X { get; }

    /// <summary><c>[outputs, inputs]</c>, as in a checkpoint.</summary>
    public Tensor Weight { get; }

    /// <summary><c>[outputs]</c>.</summary>
    public Tensor Bias => PaddedBias.SliceColumns(0, Outputs);

    /// <summary>The bias and what fills the last panel.</summary>
    public Tensor PaddedBias { get; }

    /// <summary>Three vectors: the width of a register tile.</summary>
    public int PanelColumns { get; }

    public int Rows => Y.Rows;

    public int Inputs => X.Columns;

    public int Outputs => Y.Columns;

    /// <inheritdoc/>
    public override double Flops => 2.0 * Rows * Inputs * Outputs;

    /// <inheritdoc/>
    public override double Budget => ReferenceMath.SumBudget(Inputs);

    /// <summary>The weight transposed, <c>[inputs, padded outputs]</c>: neighbouring outputs lie side by side. Made once.</summary>
    public Tensor KMajor()
    {
        if (!kMajor.IsEmpty) return kMajor;
        kMajor = Allocate(Inputs, PaddedBias.Columns);
        Device.Fill(kMajor, 0);
        Span<float> source = Span(Weight), target = Span(kMajor);
        for (var o = 0; o < Outputs; o++)
            for (var k = 0; k < Inputs; k++) target[(k * kMajor.Columns) + o] = source[(o * Inputs) + k];
        return kMajor;
    }

    /// <inheritdoc/>
    protected override double[] ReferenceRow(int row) =>
        ReferenceMath.Linear(Row(X, row), Inputs, Doubles(Weight), Doubles(Bias), Outputs);
}
