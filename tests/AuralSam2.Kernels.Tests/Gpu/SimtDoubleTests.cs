using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>Float64 functions of kernels against the host's library.</summary>
public sealed class SimtDoubleTests
{
    [Fact]
    public void LogIsAccurateToTheLastDigits()
    {
        for (var x = 1e-300; x < 1e300; x *= 1.0137) Assert.Equal(Math.Log(x), SimtDouble.Log(x), 4e-16 * Math.Max(1, Math.Abs(Math.Log(x))));
        for (var x = 0.5; x < 2; x += 0.000917) Assert.Equal(Math.Log(x), SimtDouble.Log(x), 4e-16);
        Assert.Equal(0.0, SimtDouble.Log(1));
        Assert.Equal(double.NaN, SimtDouble.Log(double.NaN));
        Assert.Equal(double.PositiveInfinity, SimtDouble.Log(double.PositiveInfinity));
    }

    [Fact]
    public void SinCosAreAccurateToTheLastDigits()
    {
        for (var turns = -3.0; turns < 3; turns += 1.0 / 4096)
        {
            var (sin, cos) = SimtDouble.SinCos(turns);
            // Math.SinCos of 2 pi t loses digits when t is large: of the fraction instead.
            var (expectedSin, expectedCos) = Math.SinCos(2 * Math.PI * (turns - Math.Round(turns)));
            Assert.Equal(expectedSin, sin, 4e-16);
            Assert.Equal(expectedCos, cos, 4e-16);
        }

        Assert.Equal((1.0, 0.0), SimtDouble.SinCos(0.25));
    }

    [Theory, InlineData(0, 0), InlineData(2.5, 2), InlineData(3, 3), InlineData(-0.25, -1), InlineData(-4, -4), InlineData(-4.5, -5)]
    public void FloorRoundsDown(double x, int expected) => Assert.Equal(expected, SimtDouble.Floor(x));
}
