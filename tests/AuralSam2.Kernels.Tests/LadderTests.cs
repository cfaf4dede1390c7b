using AuralSam2.Ladder;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Every rung of bench/ladder computes what it should, on every instruction set and on shapes that fit no tile.</summary>
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
        foreach (var (rung, error) in ladder.Rungs.Zip(ladder.ErrorsOfBudget(device)))
            Assert.True(error <= 1, $"{rung.Title}: {error:F2} of the error budget");
    }

    [Fact]
    public void TheCheckSeesAWrongValueAMissingOneAndOneTooMany()
    {
        using var device = new CpuDevice(1);
        using var problem = new GemmProblem(device, 3, 5, 7);
        var run = GemmFinal.Rung.Bind(problem);
        Assert.InRange(ErrorAfter(_ => { }), 0, 1);
        Assert.InRange(ErrorAfter(values => values[^1] += 1e-4f), 1, 1e6);
        Assert.Equal(double.PositiveInfinity, ErrorAfter(values => values[4] = float.NaN));
        Assert.Equal(double.PositiveInfinity, ErrorAfter(WriteBehind));

        double ErrorAfter(Action<float[]> spoil) => problem.ErrorOfBudget(
            () =>
            {
                run();
                var values = device.Download(problem.Y);
                spoil(values);
                device.Upload(values, problem.Y);
            },
            int.MaxValue);

        unsafe void WriteBehind(float[] values) => problem.Y.Pointer[values.Length] = 0;
    }
}
