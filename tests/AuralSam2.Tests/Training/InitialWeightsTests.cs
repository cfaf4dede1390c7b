using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Training;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Training;

/// <summary>AuralFuser before it has learned anything.</summary>
public sealed class InitialWeightsTests
{
    [Fact]
    public void Fusion_begins_as_an_identity()
    {
        using var device = new CpuDevice(1);
        using var rule = new RuleWeights("");
        var parameters = AuralSam2Network.Specification(device, Sam2Config.Named("mini", Sam2Version.V20), FuserConfig.Mini(FuserVariant.Avs));
        using var initial = new InitialWeights(rule, parameters, seed: 7);
        var norms = parameters
            .Where(p => p.Name.Contains(".W_z.1.", StringComparison.Ordinal) || p.Name.Contains(".W_z2.1.", StringComparison.Ordinal))
            .Where(p => p.Name.EndsWith(".weight", StringComparison.Ordinal) || p.Name.EndsWith(".bias", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2 * 2 * AuralFuser.Levels, norms.Length);
        Assert.All(norms, p => Assert.All(Read(initial, p), v => Assert.Equal(0, v)));
    }

    [Fact]
    public void Draws_depend_on_the_seed_alone()
    {
        using var device = new CpuDevice(1);
        using var rule = new RuleWeights("");
        var parameters = AuralSam2Network.Specification(device, Sam2Config.Named("mini", Sam2Version.V20), FuserConfig.Mini(FuserVariant.Avs));
        using InitialWeights one = new(rule, parameters, 7), again = new(rule, parameters, 7), other = new(rule, parameters, 8);
        var weight = parameters.Single(p => p.Name == "aural_fuser.patch_embeds.0.weight");
        Assert.Equal(Read(one, weight), Read(again, weight));
        Assert.NotEqual(Read(one, weight), Read(other, weight));
    }

    private static float[] Read(IWeightSource source, ParameterSpec parameter)
    {
        var values = new float[parameter.Shape.Aggregate(1, (n, d) => n * d)];
        source.Read(parameter.Name, parameter.Shape, values);
        return values;
    }
}
