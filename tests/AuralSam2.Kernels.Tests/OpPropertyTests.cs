using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Registry;
using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Shapes nobody thought of: random ones, shrunk to the smallest that fails.</summary>
public sealed class OpPropertyTests
{
    private const int Tries = 150;

    private static readonly Gen<CpuIsa> Isa = Gen.Int[0, (int)CpuIsas.Widest].Select(i => (CpuIsa)i);

    private static readonly Gen<Activation> AnyActivation = Gen.Enum<Activation>();

    [Fact]
    public void Gemm_OfAnyShape()
    {
        var shapes =
            from rows in Gen.Int[0, 140]
            from inputs in Gen.Int[1, 130]
            from outputs in Gen.Int[1, 130]
            from bias in Gen.Bool
            from norm in Gen.Bool
            from activation in AnyActivation
            from divisor in Gen.Int[0, 4]
            from inPlace in Gen.Bool
            from gap in Gen.Int[0, 5]
            select new GemmShape(divisor > 1 ? rows / divisor * divisor : rows, inputs, outputs)
            {
                Bias = bias,
                Norm = norm && inputs >= 8, // of two or three channels a chance closeness leaves no digits of the variance
                Activation = activation,
                InPlace = inPlace,
                ResidualRows = inPlace || divisor == 0 ? 0 : rows / divisor,
                GapX = gap,
                GapY = 5 - gap,
            };
        Sample(shapes.Select(GemmCases.Of));
    }

    [Fact]
    public void Attention_OfAnyShape()
    {
        var shapes =
            from batch in Gen.Int[0, 3]
            from queries in Gen.Int[0, 70]
            from keys in Gen.Int[1, 260]
            from heads in Gen.Int[1, 3]
            from headDim in Gen.Int[1, 100]
            from valueDim in Gen.OneOf(Gen.Const(headDim), Gen.Int[1, 100])
            from gap in Gen.Int[0, 5]
            select new AttentionShape(queries, keys, heads, headDim) { ValueDim = valueDim, Batch = batch, Gap = gap };
        Sample(shapes.Select(AttentionCases.Of), Tries / 3);
    }

    [Fact]
    public void Conv2d_OfAnyShape()
    {
        var shapes =
            from batch in Gen.Int[0, 3]
            from kernel in Gen.Int[1, 7]
            from padding in Gen.Int[0, kernel / 2]
            from stride in Gen.Int[1, 4]
            from height in Gen.Int[kernel - (2 * padding), 20]
            from width in Gen.Int[kernel - (2 * padding), 20]
            from channels in Gen.Int[1, 12]
            from outputs in Gen.Int[1, 40]
            from bias in Gen.Bool
            from activation in AnyActivation
            from residual in Gen.Int[0, 2]
            select new ConvShape(Math.Max(1, height), Math.Max(1, width), channels, outputs, kernel, stride, padding)
            {
                Batch = batch,
                Bias = bias,
                Activation = activation,
                ResidualImages = residual == 2 ? Math.Max(1, batch) : residual,
            };
        Sample(shapes.Select(Conv2dCases.Of));
    }

    private static void Sample(Gen<OpCase> cases, int tries = Tries) =>
        Gen.Select(cases, Isa, Gen.Int[1, 3]).Sample(
            (subject, isa, threads) =>
            {
                using var device = new CpuDevice(threads, isa);
                // Three budgets: in millions of elements some are unluckier than in the few thousand of the registry.
                var outcome = OpRunner.Check(device, subject with { Budget = 3 * subject.Budget });
                Assert.True(outcome.Ok, outcome.ToString());
            },
            iter: tries, threads: 1);
}
