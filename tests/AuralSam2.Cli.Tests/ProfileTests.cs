using System.Globalization;
using System.Text.Json;
using SkiaSharp;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural profile</c> on the real engine with its small model: the table, the files, and what happens to them when a verb fails.</summary>
public sealed class ProfileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_verb_runs_as_it_is_and_the_table_follows()
    {
        var run = Profile("--top", "3");
        Assert.Equal(ExitCode.Done, run.Code);
        Assert.True(File.Exists(folder["result/overview.png"]));
        Assert.True(run.Out.IndexOf("overview.png", StringComparison.Ordinal) < run.Out.IndexOf("median", StringComparison.Ordinal));
        foreach (var word in (string[])["shape", "calls", "GFLOP/s", "roof", "more (--top 0)", "limits measured in this run"])
            Assert.Contains(word, run.Out, StringComparison.Ordinal);
        Assert.Equal(["result"], folder.Names);
    }

    [Fact]
    public void Modules_have_their_official_names()
    {
        Assert.Contains(" image_encoder.trunk.blocks.2.attn ", Profile("--by", "module", "--top", "0").Out, StringComparison.Ordinal);
        var outline = Profile("--by", "module", "--depth", "2", "--force").Out;
        Assert.Contains(" image_encoder.trunk ", outline, StringComparison.Ordinal);
        Assert.DoesNotContain("image_encoder.trunk.", outline, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_module_of_a_run_begins_like_a_part_of_the_checkpoint()
    {
        Profile("--by", "module", "--csv", folder["p.csv"]);
        string[] parts =
        [
            "", "load", "overview", "image_encoder", "sam_prompt_encoder", "sam_mask_decoder", "memory_attention", "memory_encoder", "obj_ptr_proj",
            "aural_fuser",
        ];
        var modules = Rows().Select(row => row[2]).ToArray();
        Assert.All(modules, module => Assert.Contains(module.Split('.')[0], parts));
        foreach (var part in parts.Except(["overview"])) Assert.Contains(modules, module => module.Split('.')[0] == part);
    }

    [Fact]
    public void Files_agree_with_each_other()
    {
        var run = CommandRun.InProcess(
            QuickEngine.Create(), default, "profile", "--json", folder["p.json"], "--csv", folder["p.csv"], "segment", "--demo", "--model", "mini", "--out",
            folder["result"], "--trace", folder["t.json"], "--roofline", folder["r.png"]);
        Assert.Equal(ExitCode.Done, run.Code);
        Assert.Equal(["p.csv", "p.json", "r.png", "result", "t.json"], folder.Names);

        using var json = JsonDocument.Parse(File.ReadAllText(folder["p.json"]));
        var groups = json.RootElement.GetProperty("groups").EnumerateArray().ToArray();
        Assert.Equal(json.RootElement.GetProperty("ops_s").GetDouble(), groups.Sum(g => g.GetProperty("total_ms").GetDouble()) / 1e3, 1e-9);
        Assert.Equal(1, groups.Sum(g => g.GetProperty("share").GetDouble()), 1e-9);
        Assert.True(json.RootElement.GetProperty("ops_s").GetDouble() < json.RootElement.GetProperty("wall_s").GetDouble());
        Assert.Equal("shape", json.RootElement.GetProperty("by").GetString());

        var rows = Rows();
        Assert.Equal(groups.Length, rows.Length);
        Assert.Equal(groups.Select(g => g.GetProperty("shape").GetString()), rows.Select(r => r[1]));
        Assert.Equal(groups.Sum(g => g.GetProperty("calls").GetInt32()), rows.Sum(r => int.Parse(r[3], CultureInfo.InvariantCulture)));

        using var trace = JsonDocument.Parse(File.ReadAllText(folder["t.json"]));
        var ops = trace.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.TryGetProperty("cat", out var c) && c.GetString() == "op");
        Assert.True(ops.Count() >= rows.Sum(r => int.Parse(r[3], CultureInfo.InvariantCulture)));

        using var picture = SKBitmap.Decode(folder["r.png"]);
        Assert.Equal((2400, 1600), (picture.Width, picture.Height));
        Assert.True(picture.Pixels.Distinct().Count() > 100);
    }

    [Fact]
    public void A_document_of_the_verb_keeps_its_stream()
    {
        var run = Profile("--json");
        using var json = JsonDocument.Parse(run.Out);
        Assert.Equal(5, json.RootElement.GetProperty("frames").GetArrayLength());
        Assert.Contains("GFLOP/s", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_verb_that_fails_leaves_one_line_and_no_file()
    {
        var run = CommandRun.InProcess(
            QuickEngine.Create(), default, "profile", "--csv", folder["p.csv"], "segment", "--frames", folder["none"], "--audio", "x.wav", "--weights", "rule");
        run.FailsWith(ExitCode.Failed, "no such folder");
        Assert.Empty(folder.Names);
    }

    [Theory]
    [InlineData("what to profile", "profile")]
    [InlineData("nonsense", "profile", "nonsense")]
    [InlineData("what to segment", "profile", "segment")]
    [InlineData("--depth belongs to --by module", "profile", "segment", "--demo", "--depth", "2")]
    [InlineData("--top wants", "profile", "segment", "--demo", "--top", "-1")]
    [InlineData("files of their own", "profile", "--csv", "a", "--trace", "./a", "segment", "--demo")]
    public void A_command_line_that_makes_no_sense_is_one_line(string words, params string[] args) =>
        CommandRun.InProcess(QuickEngine.Create(), default, args).FailsWith(ExitCode.WrongUsage, words, "aural profile --help");

    [Fact]
    public void A_place_that_cannot_be_written_is_refused_before_the_verb_runs()
    {
        Profile("--trace", folder["none/t.json"]).FailsWith(ExitCode.Failed, "its folder does not exist");
        Profile("--trace", folder.Path).FailsWith(ExitCode.Failed, "is a folder");
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void A_verb_without_ops_says_that_there_is_nothing()
    {
        var run = CommandRun.InProcess(new FakeEngine(), default, "profile", "--csv", folder["p.csv"], "devices");
        Assert.Equal(ExitCode.WrongUsage, run.Code);
        Assert.Contains("nothing to profile", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(folder.Names);
    }

    [Fact]
    public void The_limits_are_the_better_of_two_measurements()
    {
        var engine = QuickEngine.Create();
        var run = CommandRun.InProcess(engine, default, "profile", "segment", "--demo", "--model", "mini", "--out", folder["result"]);
        Assert.Equal(2, ((QuickEngine)engine).Measurements);
        Assert.Contains("200.0 GFLOP/s, 20.0 GB/s", run.Out, StringComparison.Ordinal);
    }

    private CommandRun Profile(params string[] more) => CommandRun.InProcess(
        QuickEngine.Create(), default, ["profile", "segment", "--demo", "--model", "mini", "--out", folder["result"], .. more]);

    /// <summary>Rows of p.csv without the line of names; only shapes are quoted.</summary>
    private string[][] Rows() =>
    [
        .. File.ReadAllLines(folder["p.csv"]).Skip(1).Select(line =>
        {
            var parts = line.Split('"');
            Assert.Equal(3, parts.Length);
            string[] row = [parts[0].TrimEnd(','), parts[1], .. parts[2].Split(',').Skip(1)];
            Assert.Equal(16, row.Length);
            return row;
        }),
    ];
}
