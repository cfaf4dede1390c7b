using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Tests.Gpu;
using CsCheck;
using Xunit;

namespace AuralSam2.Kernels.Tests;

/// <summary>Choices where values are equal or no numbers, on the processor and in the GPU's kernels.</summary>
public sealed class SelectTests : IDisposable
{
    private readonly PatientDevices devices = new(new CpuDevice(1), new EmulatorDevice());

    public void Dispose() => devices.Dispose();

    [Theory]
    [InlineData(0, new[] { 1f, 3f, 3f, 2f }, 1)] // of equal ones the first
    [InlineData(2, new[] { 9f, 3f, 1f, 2f }, 3)]
    [InlineData(0, new[] { 1f, float.NaN, 2f }, 2)] // a NaN is passed over wherever it stands
    [InlineData(0, new[] { float.NaN, -1f, -2f }, 1)]
    [InlineData(1, new[] { 5f, float.NaN, float.NegativeInfinity }, 2)]
    [InlineData(1, new[] { 5f, float.NaN, float.NaN }, 1)]
    [InlineData(0, new[] { -0f, 0f }, 0)]
    public void BestIsTheFirstOfTheHighest(int first, float[] scores, int expected) =>
        devices.Each(device => Assert.Equal(expected, Best(device, scores, first)));

    /// <summary>What the host would choose: the rule that models were written with.</summary>
    [Fact]
    public void BestAgreesWithTheHost()
    {
        var score = Gen.OneOf(Gen.Single[-2, 2], Gen.Int[-1, 1].Select(i => (float)i));
        Gen.Select(score.Array[1, 9], Gen.Int[0, 8]).Sample(
            (scores, first) =>
            {
                first %= scores.Length;
                var best = first;
                for (var i = first; i < scores.Length; i++)
                    if (scores[i] > scores[best]) best = i;
                devices.Each(device => Assert.Equal(best, Best(device, scores, first)));
            },
            iter: 100, threads: 1);
    }

    [Theory, InlineData(1e-30f, 7f), InlineData(0f, 8f), InlineData(-1f, 8f), InlineData(float.NaN, 8f), InlineData(float.PositiveInfinity, 7f)]
    public void WhereAsksForAboveZero(float condition, float expected) => devices.Each(device =>
    {
        using var scope = device.Scope();
        Tensor c = device.Rent(1), a = device.Rent(2, 3), b = device.Rent(2, 3), y = device.Rent(2, 3);
        device.Fill(c, condition);
        device.Fill(a, 7);
        device.Fill(b, 8);
        Select.Where(device, c, a, b, y);
        Assert.All(device.Download(y), v => Assert.Equal(expected, v));
        // In place, both ways.
        Select.Where(device, c, a, b, b);
        Assert.All(device.Download(b), v => Assert.Equal(expected, v));
    });

    /// <summary>The row of a table that holds its own numbers, which must be what the index says.</summary>
    private static int Best(Device device, float[] scores, int first)
    {
        using var scope = device.Scope();
        Tensor s = device.Rent(scores.Length), table = device.Rent(scores.Length, 2, 3), y = device.Rent(2, 3), index = device.Rent(1);
        device.Upload(scores, s);
        for (var i = 0; i < scores.Length; i++) device.Fill(table.At(i), i);
        Select.Best(device, s, table, y, first, index);
        var row = device.Download(y);
        Assert.All(row, v => Assert.Equal(row[0], v));
        Assert.Equal(row[0], device.Download(index)[0]);
        return (int)row[0];
    }
}
