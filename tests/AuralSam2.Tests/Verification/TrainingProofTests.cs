using AuralSam2.Kernels;
using AuralSam2.Testing;
using AuralSam2.Verification;
using Xunit;

namespace AuralSam2.Tests.Verification;

/// <summary>What <c>aural verify --training</c> rests on.</summary>
public sealed class TrainingProofTests
{
    private static readonly string Golden = Repository.Golden("h_train_mini_avs.safetensors");

    [Fact]
    public void Training_is_within_budget_and_goes_on_to_the_bit()
    {
        using var device = new CpuDevice(2);
        var report = FixtureVerifier.VerifyTraining(device, Golden);
        Assert.Equal([], report.Stages.Where(s => !s.Passed).Select(s => $"{s.Stage} {s.Error:0.0e+00}"));
        Assert.Equal(FixtureVerdict.Passed, report.Verdict);
        StageResult[] resumed = [.. report.Stages.Where(s => s.Stage.StartsWith("resume.", StringComparison.Ordinal))];
        Assert.Equal(["resume.losses", "resume.parameters", "resume.optimizer"], resumed.Select(s => s.Stage));
        Assert.All(resumed, s => Assert.True(s is { Error: 0, Values: > 0 }));
        Assert.Equal(11, report.Stages.Count(s => s.Stage.EndsWith(".total", StringComparison.Ordinal) && s.Numbers is not null));
        Assert.Equal(0, device.Arena.OpenScopes);
    }

    /// <summary>Nothing is excused in a training, so that budgets must hold wherever rounding differs.</summary>
    [Fact]
    public void Narrower_vectors_train_within_budget()
    {
        foreach (var isa in CpuIsas.Available.Where(isa => isa < CpuIsas.Widest))
        {
            using var device = new CpuDevice(2, isa);
            FixtureAssert.Passes(device, Golden);
        }
    }

    [Theory]
    [InlineData("feat.1", "grad.fusion_modules.1.")]
    [InlineData("proj_a.0", "grad.train_proj_a1.")]
    public void A_gradient_that_is_off_by_a_hundredth_fails(string disturbed, string upstream)
    {
        using var device = new CpuDevice(2);
        using var fixture = new Fixture(Golden);
        var comparison = new StageComparison(fixture, device, budget: 1e-4);
        TrainingFixture.Run(device, comparison, TestContext.Current.CancellationToken, disturb: (name, gradient) =>
        {
            if (name == disturbed) device.Upload([.. device.Download(gradient).Select(g => 1.01f * g)], gradient);
        });
        var report = comparison.Report();
        Assert.Equal(FixtureVerdict.Failed, report.Verdict);
        Assert.Contains(report.Stages, s => s.Stage == "step0.grad_" + disturbed && s is { Passed: false, Error: > 5e-3 and < 2e-2 });
        Assert.Contains(report.Stages, s => s.Stage.StartsWith(upstream, StringComparison.Ordinal) && !s.Passed);
    }

    [Fact]
    public void Other_kinds_are_refused()
    {
        using var device = new CpuDevice(1);
        var error = Assert.Throws<AuralSam2.Weights.WeightsException>(
            () => FixtureVerifier.VerifyTraining(device, Repository.Golden("g_losses.safetensors")));
        Assert.Contains("wants one of kind 'training'", error.Message, StringComparison.Ordinal);
    }
}
