using AuralSam2.Ladder;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Every rung of bench/ladder computes what the engine's kernel does, on every instruction set and on shapes that fit no tile.</summary>
public sealed class LadderTests
{
    public static TheoryData<string, CpuIsa> Ladders =>
        [.. from ladder in KernelLadder.All from isa in CpuIsas.Available select new TheoryDataRow<string, CpuIsa>(ladder.Name, isa)];

    [Theory]
    [MemberData(nameof(Ladders))]
    public void EveryRungAgreesWithTheReference(string name, CpuIsa isa)
    {
        var ladder = KernelLadder.All.Single(l => l.Name == name);
        using var device = new CpuDevice(2, isa);
        Assert.All(ladder.Rungs, rung => Assert.InRange(ladder.ErrorOfBudget(device, rung), 0, 1));
    }

    [Fact]
    public void TheCheckSeesAWrongValueAMissingOneAndOneTooMany()
    {
        using var device = new CpuDevice(1);
        using var problem = new GemmProblem(device, 3, 5, 7);
        var right = GemmFinal.Rung.Bind(problem);
        Assert.InRange(Error(_ => { }), 0, 1);
        Assert.True(Error(values => values[^1] += 1e-4f) > 1);
        Assert.Equal(double.PositiveInfinity, Error(values => values[4] = float.NaN));
        Assert.Equal(double.PositiveInfinity, Error(values => WriteBehind(values)));

        double Error(Action<Span<float>> spoil) => KernelLadder.ErrorOfBudget(
            problem, () =>
            {
                right();
                spoil(Problem.Span(problem.Y));
            },
            int.MaxValue);
    }

    private static unsafe void WriteBehind(Span<float> values)
    {
        fixed (float* first = values) first[values.Length] = 0;
    }
}
