using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Verification;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural verify</c> and <c>aural devices</c> on an engine that answers at once.</summary>
public sealed class VerifyAndDevicesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly FakeEngine engine = new();

    public VerifyAndDevicesTests()
    {
        Fixture("good", FixtureVerdict.Passed, new("block0", 3e-6, 2e-5, 100, 0), new("block1", 1e-6, 2e-5, 100, 0));
        Fixture("bad", FixtureVerdict.Failed, new("block0", 3e-6, 2e-5, 100, 0), new("block1", 7e-4, 2e-5, 100, 12), new("block2", double.NaN, 2e-5, 100, 0));
        Fixture("unknown", FixtureVerdict.Unsupported);
        File.WriteAllText(folder["text"], "no fixture");
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(0, "good")]
    [InlineData(1, "good", "bad")]
    [InlineData(3, "good", "unknown")]
    [InlineData(1, "unknown", "bad")]
    [InlineData(1, "unknown", "missing")]
    [InlineData(1, "good", "text")]
    public void The_exit_code_is_the_worst_verdict(int code, params string[] names)
    {
        Assert.Equal(code, Verify([.. names.Select(n => folder[n])]).Code);
        Assert.Equal(code, Verify([.. names.Select(n => folder[n]), "--json"]).Code);
    }

    [Fact]
    public void Tables_show_the_worst_stage_first_and_all_in_order()
    {
        var run = Verify(folder["bad"]);
        Assert.True(run.Out.IndexOf("block2", StringComparison.Ordinal) < run.Out.IndexOf("block1", StringComparison.Ordinal));
        Assert.Contains("OVER", run.Out, StringComparison.Ordinal);
        Assert.Contains("12 values downstream", run.Out, StringComparison.Ordinal);
        var all = Verify(folder["bad"], "--all");
        Assert.True(all.Out.IndexOf("block1", StringComparison.Ordinal) < all.Out.IndexOf("block2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_cannot_be_read_does_not_stop_the_others()
    {
        var run = Verify(folder["text"], folder["good"]);
        Assert.Contains("1 of 2 files within budget", run.Out, StringComparison.Ordinal);
        Assert.Contains($"unreadable: {folder["text"]}: no fixture", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_is_one_document()
    {
        using var json = JsonDocument.Parse(Verify(folder["good"], folder["bad"], "--json").Out);
        var files = json.RootElement.GetProperty("files");
        Assert.Equal("within budget", files[0].GetProperty("verdict").GetString());
        Assert.Equal(7e-4, files[1].GetProperty("stages")[1].GetProperty("relative_error").GetDouble());
        Assert.False(files[1].GetProperty("stages")[2].GetProperty("within").GetBoolean());
    }

    [Fact]
    public void Devices_are_listed_with_their_peaks()
    {
        var run = CommandRun.InProcess(engine, CancellationToken.None, "devices", "--threads", "1");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Contains("123.4", run.Out, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(CommandRun.InProcess(engine, CancellationToken.None, "devices", "--threads", "1", "--json").Out);
        var cpu = json.RootElement.GetProperty("devices")[0];
        Assert.Equal("cpu", cpu.GetProperty("name").GetString());
        Assert.Equal(1, cpu.GetProperty("threads").GetInt32());
        Assert.Equal(123.4, cpu.GetProperty("fma_peak_gflops").GetDouble());
        Assert.Equal(64, cpu.GetProperty("memory_gib").GetDouble());
    }

    [Fact]
    public void Devices_say_whether_they_can_be_used_and_why_not()
    {
        var run = CommandRun.InProcess(engine, CancellationToken.None, "devices", "--threads", "1");
        Assert.Contains("NVIDIA [H200]", run.Out, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(CommandRun.InProcess(engine, CancellationToken.None, "devices", "--threads", "1", "--json").Out);
        var devices = json.RootElement.GetProperty("devices").EnumerateArray().ToDictionary(d => d.GetProperty("name").GetString()!);
        Assert.Equal(["cpu", "cuda:0", "cuda:1", "opencl", "emulator"], devices.Keys);
        Assert.Equal([true, true, false, false, true], devices.Values.Select(d => d.GetProperty("selectable").GetBoolean()));
        string?[] notes = [.. devices.Values.Take(4).Select(d => d.GetProperty("note").GetString())];
        Assert.Equal(["", "the default", "compute capability 6.1", "no OpenCL loader"], notes);
        Assert.Equal(150, devices["cuda:0"].GetProperty("memory_gib").GetDouble());
        Assert.All(devices.Values.Skip(1), d => Assert.Equal(JsonValueKind.Null, d.GetProperty("fma_peak_gflops").ValueKind));
    }

    [Fact]
    public void Without_a_usable_gpu_the_processor_is_the_default()
    {
        var poor = new FakeEngine { Listings = [.. engine.Listings.Where(l => l.Id != "cuda:0")] };
        using var json = JsonDocument.Parse(CommandRun.InProcess(poor, CancellationToken.None, "devices", "--threads", "1", "--json").Out);
        Assert.Equal("the default", json.RootElement.GetProperty("devices")[0].GetProperty("note").GetString());
    }

    [Fact]
    public void The_device_of_verify_is_chosen_and_named_with_why()
    {
        engine.Notes["auto"] = "no CUDA GPU: it is a toaster";
        var run = Verify(folder["good"]);
        Assert.Matches(@"(?m)^device: cpu \(.*, 1 thread\); no CUDA GPU: it is a toaster$", run.Out);
        using var json = JsonDocument.Parse(Verify(folder["good"], "--json").Out);
        Assert.Equal("no CUDA GPU: it is a toaster", json.RootElement.GetProperty("device_note").GetString());
        Assert.Equal(0, Verify(folder["good"], "--device", "emulator").Code);
        Assert.Equal(["auto", "auto", "emulator"], engine.Opened);
    }

    [Fact]
    public void A_device_that_cannot_be_used_is_no_verdict_about_a_file()
    {
        engine.Broken["cuda"] = new DeviceException("cuda:0 cannot be used: no NVIDIA driver found");
        Verify(folder["good"], "--device", "cuda")
            .FailsWith(1, "cuda:0 cannot be used: no NVIDIA driver found; use --device cpu");
        Verify(folder["good"], "--device", "gpu").FailsWith(2, "'gpu'", "emulator", "aural verify --help");
    }

    private CommandRun Verify(params string[] args) => CommandRun.InProcess(engine, CancellationToken.None, ["verify", "--threads", "1", .. args]);

    private void Fixture(string name, FixtureVerdict verdict, params StageResult[] stages)
    {
        File.WriteAllText(folder[name], "");
        var reason = verdict is FixtureVerdict.Unsupported ? "kind \"losses\" is not supported yet" : null;
        engine.Fixtures[name] = new FixtureReport(folder[name], "image_encoder", "sam2.1_hiera_t", verdict, stages, [], stages.Sum(s => s.Undecided) / 4, reason);
    }
}
