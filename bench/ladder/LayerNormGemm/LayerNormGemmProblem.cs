using AuralSam2.Kernels;
using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Ladder;

/// <summary>
/// y = layerNorm(x) W^T + b. The product is the finished one of Ops/Gemm in every rung, on all threads: this ladder is about what the norm
/// before it costs.
/// </summary>
internal sealed class LayerNormGemmProblem : Problem
{
    private const float Epsilon = 1e-6f;

    private readonly Tensor weight;
    private readonly Tensor bias;
    private readonly PackedMatrix packed;
    private Tensor normalised;

    /// <summary>Makes the operands.</summary>
    public LayerNormGemmProblem(CpuDevice device, int rows, int inputs, int outputs)
        : base(device, rows, outputs)
    {
        X = Random("x", 0, rows, inputs);
        weight = Random("weight", 0, outputs, inputs);
        bias = Random("bias", 0, outputs);
        Norm = new NormWeights(Random("norm weight", 1, inputs), Random("norm bias", 0, inputs), Epsilon);
        packed = Own(Gemm.Pack(device, Span(weight), outputs, Span(bias)));
    }

    /// <summary><c>[rows, inputs]</c>.</summary>
    public Tensor X { get; }

    /// <summary>The affine part of the norm.</summary>
    public NormWeights Norm { get; }

    public int Rows => X.Rows;

    public int Inputs => X.Columns;

    /// <summary>Memory for normalised rows, <c>[rows, inputs]</c>; rungs share it.</summary>
    public Tensor Normalised => normalised.IsEmpty ? normalised = Allocate(Rows, Inputs) : normalised;

    /// <inheritdoc/>
    public override double Flops => (2.0 * Rows * Inputs * Y.Columns) + LayerNorm.Flops(Rows, Inputs);

    /// <inheritdoc/>
    public override double Budget => ReferenceMath.SumBudget(Inputs);

    /// <summary>The product of some rows that are normalised, or with <paramref name="norm"/> become so within it.</summary>
    public void Product(Tensor rows, Tensor y, NormWeights? norm = null) =>
        Gemm.Forward(Device, rows, packed, y, new GemmFusion { Norm = norm });

    /// <inheritdoc/>
    protected override double[] ReferenceRow(int row) => ReferenceMath.Linear(
        ReferenceMath.LayerNorm(Row(X, row), Doubles(Norm.Weight), Doubles(Norm.Bias), Epsilon), Inputs,
        Doubles(weight), Doubles(bias), Y.Columns);
}
