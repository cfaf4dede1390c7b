using System.Text.Json;
using AuralSam2.Testing;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural verify</c> and <c>aural devices</c> as processes, on the real engine.</summary>
public sealed class RealVerifyAndDevicesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string good = Repository.Golden("b_mini_image_encoder.safetensors");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Recorded_fixtures_are_within_budget()
    {
        string[] names = ["b_mini_image_encoder", "b_mini_decoder", "f_mini_memory_modules", "e_aural_mini_avs"];
        var run = Verify([.. names.Select(n => Repository.Golden(n + ".safetensors"))]);
        Assert.Equal(0, run.Code);
        Assert.Contains("4 of 4 files within budget", run.Out, StringComparison.Ordinal);
        Assert.Contains("trunk.blocks", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_tells_every_stage()
    {
        using var json = JsonDocument.Parse(Verify(good, "--json").Out);
        var file = json.RootElement.GetProperty("files")[0];
        Assert.Equal("within budget", file.GetProperty("verdict").GetString());
        Assert.Equal(102, file.GetProperty("stages").GetArrayLength());
        Assert.Equal(0, file.GetProperty("not_compared").GetArrayLength());
        Assert.All(file.GetProperty("stages").EnumerateArray(), s => Assert.InRange(s.GetProperty("relative_error").GetDouble(), 0, 2e-5));
    }

    [Fact]
    public void A_wrong_value_is_exit_code_1_and_named()
    {
        var run = Verify(Clips.ChangedFixture(good, folder["bad.safetensors"], tensor: "trunk.blocks.2"), good);
        Assert.Equal(1, run.Code);
        Assert.Contains("trunk.blocks.2 ", run.Out, StringComparison.Ordinal);
        Assert.Contains("OVER", run.Out, StringComparison.Ordinal);
        Assert.Contains("1 of 2 files within budget", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unsupported_kind_is_exit_code_3()
    {
        var run = Verify(Clips.ChangedFixture(good, folder["other.safetensors"], kind: "weather"), good);
        Assert.Equal(3, run.Code);
        Assert.Contains("'weather' are not supported yet", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_fixture_is_exit_code_1_and_the_others_are_verified()
    {
        File.WriteAllBytes(folder["cut.safetensors"], File.ReadAllBytes(good)[..5000]);
        File.WriteAllText(folder["text.safetensors"], "no tensors in here");
        var run = Verify(folder["cut.safetensors"], folder["text.safetensors"], folder.Path, good);
        Assert.Equal(1, run.Code);
        Assert.Equal(3, run.ErrorLines.Count(l => l.StartsWith("aural: ", StringComparison.Ordinal)));
        Assert.Contains("1 of 4 files within budget", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void No_file_is_wrong_usage() => CommandRun.OfProcess(folder.Path, "verify").FailsWith(2, "FILE", "--help");

    [Fact]
    public void Devices_have_peaks()
    {
        var run = CommandRun.OfProcess(folder.Path, "devices", "--json", "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        using var json = JsonDocument.Parse(run.Out);
        var cpu = json.RootElement.GetProperty("devices")[0];
        Assert.Equal("cpu", cpu.GetProperty("name").GetString());
        Assert.True(cpu.GetProperty("fma_peak_gflops").GetDouble() > 1);
        Assert.True(cpu.GetProperty("memory_gb_per_s").GetDouble() > 0.1);
    }

    private CommandRun Verify(params string[] args)
    {
        var run = CommandRun.OfProcess(folder.Path, ["verify", .. args]);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        return run;
    }
}
