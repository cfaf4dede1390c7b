using AuralSam2.Kernels.Ops;
using AuralSam2.Kernels.Simt;
using Xunit;

namespace AuralSam2.Kernels.Tests.Gpu;

/// <summary>The functions that kernels apply to single values are plain C#: they can be measured on their own.</summary>
public sealed class SimtMathTests
{
    [Fact]
    public void ExpIsAccurateToTheLastDigits()
    {
        for (var x = -87f; x < 88f; x += 0.00731f) Assert.InRange(Math.Abs((SimtMath.Exp(x) / Math.Exp(x)) - 1), 0, 2e-7);
        Assert.Equal(1f, SimtMath.Exp(0));
        Assert.InRange(SimtMath.Exp(float.MinValue), 0, 2e-38f);
        Assert.True(float.IsFinite(SimtMath.Exp(float.MaxValue)));
    }

    [Fact]
    public void Exp2IsAccurateToTheLastDigits()
    {
        for (var x = -125.9f; x < 127f; x += 0.00731f) Assert.InRange(Math.Abs((SimtMath.Exp2(x) / Math.Pow(2, x)) - 1), 0, 3e-7);
        for (var n = -126; n < 128; n++) Assert.Equal((float)Math.Pow(2, n), SimtMath.Exp2(n));
        Assert.InRange(SimtMath.Exp2(float.MinValue), 0, 2e-38f);
        Assert.InRange(SimtMath.Exp2(float.NegativeInfinity), 0, 2e-38f);
    }

    [Theory, InlineData(0, 0), InlineData(0.1, 0.1124629160182849), InlineData(0.5, 0.5204998778130465), InlineData(1, 0.8427007929497149)]
    [InlineData(1.5, 0.9661051464753108), InlineData(2, 0.9953222650189527), InlineData(3, 0.9999779095030014), InlineData(40, 1)]
    public void ErfAgreesWithTables(double x, double expected)
    {
        Assert.Equal(expected, SimtMath.Erf((float)x), 5e-7);
        Assert.Equal(-expected, SimtMath.Erf(-(float)x), 5e-7);
    }

    [Fact]
    public void NaNSurvives()
    {
        Assert.Equal(2f, SimtMath.Max(2, 1));
        Assert.Equal(2f, SimtMath.Max(1, 2));
        Assert.Equal(float.NaN, SimtMath.Max(float.NaN, 1));
        Assert.Equal(float.NaN, SimtMath.Max(1, float.NaN));
        Assert.Equal(float.NaN, SimtMath.Exp(float.NaN));
        Assert.Equal(float.NaN, SimtMath.Exp2(float.NaN));
        Assert.Equal(float.NaN, SimtMath.Erf(float.NaN));
        Assert.All(Enum.GetValues<Activation>(), f => Assert.Equal(float.NaN, SimtMath.Activate(f, float.NaN)));
    }

    [Theory, InlineData(Activation.None, -2f, -2f), InlineData(Activation.Relu, -2f, 0f), InlineData(Activation.Gelu, -2f, -0.0455002639f), InlineData(Activation.Sigmoid, -2f, 0.1192029220f)]
    public void AppliesActivations(Activation activation, float x, float expected) => Assert.Equal(expected, SimtMath.Activate(activation, x), 1e-6f);
}
