using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Predictors;
using SkiaSharp;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural segment</c> from command line to files, on an engine that answers at once.</summary>
public sealed class SegmentTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly FakeEngine engine = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_demo_writes_a_complete_result()
    {
        var run = Segment("--demo", "--out", folder["demo"]);
        Assert.Equal(0, run.Code);
        Assert.Equal(["demo"], folder.Names);
        Assert.Contains("untrained", run.Out, StringComparison.Ordinal);
        for (var i = 0; i < 5; i++)
        {
            using var mask = SKBitmap.Decode(folder[$"demo/masks/{i:00000}.png"]);
            using var overlay = SKBitmap.Decode(folder[$"demo/overlays/{i:00000}.png"]);
            Assert.Equal((480, 320, 480, 320), (mask.Width, mask.Height, overlay.Width, overlay.Height));
            Assert.All(mask.Pixels, p => Assert.True(p.Red is 0 or 255));
        }

        using var overview = SKBitmap.Decode(folder["demo/overview.png"]);
        Assert.Equal(2400, overview.Width);
    }

    [Fact]
    public void Json_prints_what_result_json_holds_and_nothing_else()
    {
        var run = Segment("--demo", "--out", folder["demo"], "--json", "--decode", "iou-object", "--model", "b+");
        Assert.Equal(run.Out, File.ReadAllText(folder["demo/result.json"]));
        Assert.DoesNotContain("/dev", run.Error, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        Assert.Equal(
            ["tool", "version", "clip", "model", "image_size", "weights", "weight_files", "trained", "device", "device_note", "threads", "input", "options", "frames", "timings", "peak_memory_mb"],
            root.EnumerateObject().Select(p => p.Name));
        Assert.Equal("AuralSAM2 b+", root.GetProperty("model").GetString());
        Assert.False(root.GetProperty("trained").GetBoolean());
        Assert.Equal("iou-object", root.GetProperty("options").GetProperty("decode").GetString());
        var frame = root.GetProperty("frames")[1];
        Assert.Equal(
            ["index", "seconds", "predicted_iou", "object_score", "area", "area_share", "box", "mask", "overlay"], frame.EnumerateObject().Select(p => p.Name));
        Assert.Equal("masks/00001.png", frame.GetProperty("mask").GetString());
        Assert.Equal(4, frame.GetProperty("box").GetArrayLength());
        var timings = root.GetProperty("timings");
        Assert.True(timings.GetProperty("stages").TryGetProperty("encoding_images_s", out _));
        var (startup, firstMask) = (timings.GetProperty("startup_s").GetDouble(), timings.GetProperty("first_mask_s").GetDouble());
        Assert.InRange(firstMask, startup, startup + timings.GetProperty("total_s").GetDouble() + 0.001);
    }

    [Fact]
    public void Weights_tell_the_model_and_are_named_in_the_result()
    {
        string[] files = [folder["a.pt"], folder["b.safetensors"]];
        foreach (var file in files) File.WriteAllText(file, "");
        string[] clip = ["--frames", Demo("frames"), "--audio", Demo("sound.wav"), "--out", folder["out"], "--force", "--weights", .. files];
        foreach (var model in (string[][])[[], ["--model", "b+"]])
        {
            var run = Segment([.. clip, .. model, "--json"]);
            Assert.Equal(0, run.Code);
            Assert.Contains($"weights: {files[0]} brings everything: 3 tensors, 12.3 M parameters (safetensors)", run.ErrorLines);
            using var json = JsonDocument.Parse(run.Out);
            Assert.Equal("AuralSAM2 b+", json.RootElement.GetProperty("model").GetString());
            Assert.Equal(string.Join(" + ", files), json.RootElement.GetProperty("weights").GetString());
            Assert.Equal(files, json.RootElement.GetProperty("weight_files").EnumerateArray().Select(f => f.GetProperty("path").GetString()));
        }

        Segment([.. clip, "--model", "t"]).FailsWith(2, "--model t does not fit", "which is for b+; leave --model out");
        Assert.Equal(2, engine.Loads);
    }

    [Theory]
    [InlineData("--demo", "segment")]
    [InlineData("--audio", "segment", "--frames", "x", "--weights", "rule")]
    [InlineData("exclude each other", "segment", "--frames", "x", "--video", "y", "--weights", "rule")]
    [InlineData("--weights rule", "segment", "--video", "y")]
    [InlineData("stands alone", "segment", "--video", "y", "--weights", "rule", "w.safetensors")]
    [InlineData("its own clip", "segment", "--demo", "--audio", "x.wav")]
    [InlineData("--fps", "segment", "--demo", "--fps", "0")]
    [InlineData("--fps", "segment", "--demo", "--fps", "NaN")]
    [InlineData("--window", "segment", "--demo", "--window", "0")]
    [InlineData("--threads", "segment", "--demo", "--threads", "-2")]
    [InlineData("xl", "segment", "--demo", "--model", "xl")]
    [InlineData("'tpu'; choose auto, cpu, cuda[:N]", "segment", "--demo", "--device", "tpu")]
    [InlineData("'cpu:2'", "segment", "--demo", "--device", "cpu:2")]
    [InlineData("1, 2, 4, ... 64", "segment", "--demo", "--device", "emulator:3")]
    [InlineData("best", "segment", "--demo", "--decode", "best")]
    public void Wrong_usage_says_what_to_write(string word, params string[] args)
    {
        CommandRun.InProcess(engine, CancellationToken.None, args).FailsWith(2, word, "--help");
        Assert.Equal(0, engine.Loads);
    }

    [Fact]
    public void The_device_that_was_taken_is_named_with_why()
    {
        engine.Notes["auto"] = "no CUDA GPU: no NVIDIA driver found";
        var run = Segment("--demo", "--out", folder["demo"], "--threads", "1");
        const string device = "128-bit|AVX2|AVX-512";
        Assert.Matches($@"(?m)^device: cpu \(({device}), 1 thread\); no CUDA GPU: no NVIDIA driver found$", run.Out);
        Assert.Matches($@"(?m)^note: no CUDA GPU: no NVIDIA driver found; computing on cpu \(({device}), 1 thread\)$", run.Error);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["demo/result.json"]));
        Assert.Equal("no CUDA GPU: no NVIDIA driver found", json.RootElement.GetProperty("device_note").GetString());
        Assert.Equal(1, json.RootElement.GetProperty("threads").GetInt32());
        Assert.Equal(["auto"], engine.Opened);
    }

    [Fact]
    public void A_device_that_was_asked_for_has_no_note_and_a_gpu_no_threads()
    {
        var run = Segment("--demo", "--out", folder["demo"], "--device", "cpu");
        Assert.Matches(@"(?m)^device: cpu \([^;]*\)$", run.Out);
        Assert.DoesNotContain("computing on", run.Error, StringComparison.Ordinal);
        Segment("--demo", "--out", folder["emulated"], "--device", "emulator");
        using var json = JsonDocument.Parse(File.ReadAllText(folder["emulated/result.json"]));
        Assert.StartsWith("emulator", json.RootElement.GetProperty("device").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("device_note").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("threads").ValueKind);
    }

    [Fact]
    public void A_device_that_cannot_be_used_is_one_line_with_a_way_out()
    {
        engine.Broken["cuda:1"] = new DeviceException("cuda:1 cannot be used:\nthe driver is too old");
        Segment("--demo", "--out", folder["out"], "--device", "cuda:1")
            .FailsWith(1, "cuda:1 cannot be used:; the driver is too old; use --device cpu");
        Assert.Empty(folder.Names);
        Assert.Equal(0, engine.Loads);
    }

    [Fact]
    public void A_device_that_fails_half_way_is_one_line_and_leaves_nothing()
    {
        Fails(new DeviceException("cuda:0 was lost"), "aural: cuda:0 was lost; use --device cpu");
        Fails(new NotSupportedException("Resize has no kernel here; use --device cpu"), "aural: Resize has no kernel here; use --device cpu");

        void Fails(Exception error, string line)
        {
            var failing = new FakeEngine { BeforeFrame = i => { if (i == 2) throw error; } };
            CommandRun.InProcess(failing, CancellationToken.None, "segment", "--demo", "--out", folder["out"]).FailsWith(1, line);
        }

        Assert.Empty(folder.Names);
    }

    [Theory]
    [InlineData("--frames", "--frames", "none", "--audio", "sound.wav", "--weights", "rule")]
    [InlineData("--audio", "--frames", "frames", "--audio", "none.wav", "--weights", "rule")]
    [InlineData("--weights", "--frames", "frames", "--audio", "sound.wav", "--weights", "none.safetensors")]
    [InlineData("is a folder", "--video", "frames", "--weights", "rule")]
    [InlineData("no pictures", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule")]
    [InlineData("; export it again", "--frames", "DEMO", "--audio", "sound.wav", "--weights", "rule")]
    [InlineData("no ffmpeg", "--video", "sound.wav", "--weights", "rule")]
    public void Bad_input_is_one_line_and_leaves_nothing_behind(string word, params string[] args)
    {
        Directory.CreateDirectory(folder["frames"]);
        File.WriteAllText(folder["sound.wav"], "RIFF");
        string[] inside = [.. args.Select(a => a == "DEMO" ? Demo("frames") : a.StartsWith("--", StringComparison.Ordinal) || a == "rule" ? a : folder[a])];
        Segment([.. inside, "--out", folder["out"]]).FailsWith(1, word);
        Assert.Equal(["frames", "sound.wav"], folder.Names);
        Assert.Equal(0, engine.Loads);
    }

    [Fact]
    public void An_earlier_result_is_kept_without_force_and_replaced_with_it()
    {
        Assert.Equal(0, Segment("--demo", "--out", folder["out"]).Code);
        File.WriteAllText(folder["out/result.json"], "earlier");
        Segment("--demo", "--out", folder["out"]).FailsWith(1, "--force");
        Assert.Equal("earlier", File.ReadAllText(folder["out/result.json"]));
        Assert.Equal(0, Segment("--demo", "--out", folder["out"] + "/", "--force").Code);
        Assert.NotEqual("earlier", File.ReadAllText(folder["out/result.json"]));
        Assert.Equal(["out"], folder.Names);
    }

    [Fact]
    public void Force_never_touches_a_folder_that_is_not_a_result()
    {
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out/thesis.txt"], "years of work");
        Segment("--demo", "--out", folder["out"], "--force").FailsWith(1, "thesis.txt");
        File.WriteAllText(folder["out/result.json"], "{}");
        Segment("--demo", "--out", folder["out"], "--force").FailsWith(1, "thesis.txt");
        Assert.Equal(["result.json", "thesis.txt"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void An_empty_folder_is_filled()
    {
        Directory.CreateDirectory(folder["out"]);
        Assert.Equal(0, Segment("--demo", "--out", folder["out"]).Code);
        Assert.True(File.Exists(folder["out/result.json"]));
    }

    [Fact]
    public void A_failure_half_way_leaves_the_earlier_result_and_nothing_else()
    {
        Assert.Equal(0, Segment("--demo", "--out", folder["out"]).Code);
        var before = File.ReadAllText(folder["out/result.json"]);
        var failing = new FakeEngine { BeforeFrame = i => { if (i == 2) throw new OutOfMemoryException(); } };
        CommandRun.InProcess(failing, CancellationToken.None, "segment", "--demo", "--out", folder["out"], "--force").FailsWith(1, "out of memory");
        Assert.Equal(["out"], folder.Names);
        Assert.Equal(before, File.ReadAllText(folder["out/result.json"]));
    }

    [Fact]
    public void An_interrupt_leaves_nothing_and_is_130()
    {
        using var interrupt = new CancellationTokenSource();
        var interrupted = new FakeEngine { BeforeFrame = i => { if (i == 3) interrupt.Cancel(); } };
        CommandRun.InProcess(interrupted, interrupt.Token, "segment", "--demo", "--out", folder["aural-out/demo"]).FailsWith(130, "interrupted");
        Assert.Empty(folder.Names);
    }

    /// <summary>A library of commands may run several in one process: each owns its result.</summary>
    [Fact]
    public void A_run_within_another_run_touches_only_its_own_result()
    {
        var inner = new List<int>();
        var outer = new FakeEngine
        {
            BeforeFrame = i =>
            {
                var engine = new FakeEngine { BeforeFrame = j => { if (j == 3 && i == 3) throw new OutOfMemoryException(); } };
                inner.Add(CommandRun.InProcess(engine, CancellationToken.None, "segment", "--demo", "--out", folder[$"inner{i}"]).Code);
            },
        };
        Assert.Equal(0, CommandRun.InProcess(outer, CancellationToken.None, "segment", "--demo", "--out", folder["outer"]).Code);
        Assert.Equal([0, 0, 0, 1, 0], inner);
        Assert.Equal(["inner0", "inner1", "inner2", "inner4", "outer"], folder.Names);
    }

    [Fact]
    public void The_partial_result_is_hidden_while_the_work_runs()
    {
        var seen = Array.Empty<string>();
        var watching = new FakeEngine { BeforeFrame = i => { if (i == 2) seen = folder.Names; } };
        Assert.Equal(0, CommandRun.InProcess(watching, CancellationToken.None, "segment", "--demo", "--out", folder["out"]).Code);
        Assert.StartsWith(".out.partial-", Assert.Single(seen), StringComparison.Ordinal);
    }

    [Fact]
    public void An_unforeseen_error_is_one_line_too()
    {
        var broken = new FakeEngine { BeforeFrame = _ => throw new InvalidCastException("bug\nin two lines") };
        var run = CommandRun.InProcess(broken, CancellationToken.None, "segment", "--demo", "--out", folder["out"]);
        Assert.Equal(1, run.Code);
        Assert.Contains("aural: internal error: InvalidCastException: bug; in two lines", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clips/horse/frames", null, "horse")]
    [InlineData("clips/horse", null, "horse")]
    [InlineData("clips/horse/frames/", null, "horse")]
    [InlineData(null, "films/drums.solo.mp4", "drums.solo")]
    public void A_clip_is_called_what_a_person_calls_it(string? frames, string? video, string name) =>
        Assert.Equal(name, SegmentRequest.NameOf(frames, video));

    [Fact]
    public void Extent_of_a_mask()
    {
        var mask = new byte[7 * 5];
        Assert.Equal(0, MaskExtent.Of(mask, 7).Area);
        Assert.Null(MaskExtent.Of(mask, 7).Box);
        mask[1 * 7 + 2] = mask[3 * 7 + 6] = 255;
        Assert.Equal(2, MaskExtent.Of(mask, 7).Area);
        Assert.Equal([2, 1, 7, 4], MaskExtent.Of(mask, 7).Box!);
    }

    [Theory]
    [InlineData(1, 64, 48)]
    [InlineData(9, 48, 64)]
    [InlineData(300, 200, 20)]
    public void An_overview_of_any_clip_can_be_drawn(int frames, int width, int height)
    {
        var overview = new OverviewPicture(frames, width, height);
        for (var i = 0; i < frames; i++)
        {
            overview.Add(
                new SegmentedFrame(i, i / 25.0, new byte[width * height], float.NaN, -i), new Media.RgbImage(width, height, new byte[width * height * 3]));
        }

        overview.Save(folder["o.png"], new OverviewTitle(new string('ü', 200), ["details"], "warning"), new LogMel([], 0), 0);
        using var picture = SKBitmap.Decode(folder["o.png"]);
        Assert.InRange(picture.Height, 500, 6000);
    }

    private static string Demo(string name) => Path.Combine(AppContext.BaseDirectory, "Demo", name);

    private CommandRun Segment(params string[] args) => CommandRun.InProcess(engine, CancellationToken.None, ["segment", .. args]);
}
