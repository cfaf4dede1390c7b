using AuralSam2.Kernels;
using AuralSam2.Testing;
using AuralSam2.Verification;
using Xunit;

namespace AuralSam2.Tests.Verification;

/// <summary>The engine computes what the reference implementations computed, on every instruction set and any number of threads.</summary>
public sealed class GoldenFixtureTests
{
    public static TheoryData<string> Small =>
    [
        "b_mini_image_encoder", "b_mini_decoder", "c_decoder_full_t", "d_vggish", "e_aural_mini_avs", "e_aural_mini_ref", "f_mini_memory_modules",
        "g_losses",
        "f_mini_video",
    ];

    [Theory]
    [MemberData(nameof(Small))]
    public void Every_stage_is_within_budget(string fixture)
    {
        using var device = new CpuDevice(2);
        FixtureAssert.Passes(device, Repository.Golden(fixture + ".safetensors"));
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void Narrower_vectors_are_within_budget_too(string fixture)
    {
        foreach (var isa in CpuIsas.Available.Where(isa => isa < CpuIsas.Widest))
        {
            using var device = new CpuDevice(2, isa);
            FixtureAssert.Passes(device, Repository.Golden(fixture + ".safetensors"));
        }
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void The_number_of_threads_changes_no_digit(string fixture)
    {
        using CpuDevice one = new(1), three = new(3);
        var alone = FixtureVerifier.Verify(one, Repository.Golden(fixture + ".safetensors"));
        var shared = FixtureVerifier.Verify(three, Repository.Golden(fixture + ".safetensors"));
        Assert.Equal(alone.Stages, shared.Stages); // errors to the last bit
    }

    [Fact]
    public void Every_fixture_here_is_in_a_test() => Assert.Equal(
        Directory.EnumerateFiles(Path.GetDirectoryName(Repository.Golden("x"))!, "*.safetensors").Select(Path.GetFileNameWithoutExtension).Order(),
        Small.Select(row => row.Data).Concat(LongerGoldenFixtureTests.Full.Select(row => row.Data)).Order());

    [Theory]
    [InlineData("a_hiera_s_encoder")]
    [InlineData("a_hiera_bplus_encoder")]
    public void Larger_encoders_of_the_shared_folder_are_within_budget(string fixture)
    {
        using var device = new CpuDevice(2);
        FixtureAssert.Passes(device, Repository.SharedOrSkip("goldens", fixture + ".safetensors"));
    }
}

/// <summary>The longer tests: published sizes at 1024 x 1024 and ten steps of training, a few seconds each. They run with all others.</summary>
public sealed class LongerGoldenFixtureTests
{
    public static TheoryData<string> Full => ["a_hiera_t_encoder", "e_aural_full_avs", "h_train_mini_avs"];

    [Theory]
    [MemberData(nameof(Full))]
    public void Longer_ones_are_within_budget(string fixture)
    {
        using var device = new CpuDevice(2);
        FixtureAssert.Passes(device, Repository.Golden(fixture + ".safetensors"));
    }
}

/// <summary>The whole model on the GPU's kernels, run on the processor one thread after the other.</summary>
public sealed class EmulatedFixtureTests
{
    [Theory]
    [InlineData("b_mini_image_encoder")]
    [InlineData("b_mini_decoder")]
    [InlineData("e_aural_mini_avs")]
    [InlineData("e_aural_mini_ref")]
    [InlineData("f_mini_memory_modules")]
    public void Gpu_kernels_are_within_the_same_budget(string fixture)
    {
        using var device = new EmulatorDevice();
        FixtureAssert.Passes(device, Repository.Golden(fixture + ".safetensors"));
    }
}

/// <summary>What every verified fixture must show.</summary>
internal static class FixtureAssert
{
    public static FixtureReport Passes(Device device, string path)
    {
        var report = FixtureVerifier.Verify(device, path);
        Assert.Equal([], report.Stages.Where(s => !s.Passed).Select(s => $"{s.Stage} {s.Error:0.0e+00}"));
        Assert.Empty(report.NotCompared);
        Assert.Equal((FixtureVerdict.Passed, null), (report.Verdict, report.Message));
        Assert.Equal(0, device.Arena.OpenScopes);
        return report;
    }
}
