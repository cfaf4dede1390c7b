using System.Text.Json;
using AuralSam2.Models.Sam2;
using AuralSam2.Tests.Weights;
using AuralSam2.Weights;
using SkiaSharp;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural segment</c> as a process, on the real engine with its small model: what a person gets.</summary>
public sealed class RealSegmentTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_demo_writes_everything()
    {
        var run = Succeed("segment", "--demo", "--model", "mini", "--out", "result");
        Assert.Contains("untrained", run.Out, StringComparison.Ordinal);
        Assert.Contains("overview.png", run.Out, StringComparison.Ordinal);
        CheckResult("result", 5, 480, 320);
        Assert.Equal(["result"], folder.Names);
    }

    [Fact]
    public void Json_is_one_document_and_the_same_as_the_file()
    {
        var run = Succeed("segment", "--demo", "--model", "mini", "--json");
        Assert.Equal(File.ReadAllText(folder["aural-out/demo/result.json"]), run.Out);
        using var json = JsonDocument.Parse(run.Out);
        Assert.True(json.RootElement.GetProperty("peak_memory_mb").GetDouble() > 50);
        Assert.Equal(128, json.RootElement.GetProperty("image_size").GetInt32());
    }

    [Theory]
    [InlineData("a tone", 3, 0.3f, 1)]
    [InlineData("silence", 3, 0f, 2)]
    [InlineData("10 ms", 0.01, 0.3f, 1)]
    [InlineData("one sample", 1.0 / 16000, 0.3f, 2)]
    public void A_folder_of_frames_with_any_sound(string name, double seconds, float loudness, int channels)
    {
        Clips.Frames(folder["frames"], 3, 61, 45);
        Clips.Sound(folder[name + ".wav"], seconds, loudness, channels);
        Succeed("segment", "--frames", "frames", "--audio", name + ".wav", "--weights", "rule", "--model", "mini", "--out", "result");
        CheckResult("result", 3, 61, 45);
    }

    [Fact]
    public void A_clip_of_one_frame()
    {
        Clips.Frames(folder["frames"], 1, 16, 100);
        Clips.Sound(folder["sound.wav"]);
        Succeed("segment", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule:7", "--model", "mini", "--decode", "iou-object", "--out", "result");
        CheckResult("result", 1, 16, 100);
    }

    [Fact]
    public void Threads_change_no_pixel_and_options_do()
    {
        Clips.Frames(folder["frames"], 3);
        Clips.Sound(folder["sound.wav"]);
        string Masks(params string[] options)
        {
            Succeed([.. (string[])["segment", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule", "--model", "mini", "--out", "result", "--force"], .. options]);
            using var json = JsonDocument.Parse(File.ReadAllText(folder["result/result.json"]));
            return json.RootElement.GetProperty("frames").GetRawText() + string.Concat(Directory.EnumerateFiles(folder["result/masks"]).Order().Select(f => Convert.ToHexString(File.ReadAllBytes(f))));
        }

        var expected = Masks("--threads", "1");
        Assert.Equal(expected, Masks("--threads", "3"));
        Assert.NotEqual(expected, Masks("--window", "1"));
    }

    [Fact]
    public void A_video_with_its_own_sound()
    {
        Clips.VideoOrSkip(folder["clip.mp4"], "-f lavfi -i testsrc=size=64x48:rate=10:duration=3 -f lavfi -i sine=frequency=440:duration=3 -pix_fmt yuv420p");
        Succeed("segment", "--video", "clip.mp4", "--fps", "2", "--weights", "rule", "--model", "mini");
        CheckResult("aural-out/clip", 6, 64, 48);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["aural-out/clip/result.json"]));
        Assert.Equal([0, 0.5, 1, 1.5, 2, 2.5], json.RootElement.GetProperty("frames").EnumerateArray().Select(f => f.GetProperty("seconds").GetDouble()));
    }

    [Fact]
    public void A_silent_video_with_sound_from_elsewhere()
    {
        Clips.VideoOrSkip(folder["clip.mp4"], "-f lavfi -i testsrc=size=64x48:rate=10:duration=2 -pix_fmt yuv420p");
        Clips.Sound(folder["sound.wav"]);
        Succeed("segment", "--video", "clip.mp4", "--audio", "sound.wav", "--weights", "rule", "--model", "mini", "--out", "result");
        CheckResult("result", 2, 64, 48);
    }

    [Fact]
    public void Checkpoints_in_any_order_tell_the_model()
    {
        using var weights = new AuralSam2.Tests.Weights.TemporaryFolder();
        var all = SparseFiles.Parameters("mini", Sam2Version.V21);
        string[] files =
        [
            weights.Torch("vggish.pth", all.Of(WeightParts.Vggish).Called(name => name["aural_fuser.vgg.".Length..])),
            weights.Torch("fuser.pth", all.Of(WeightParts.Fuser).Called(name => "module." + name)),
            weights.Safetensors("sam2.safetensors", all.Of(WeightParts.Sam2)),
        ];
        Clips.Frames(folder["frames"], 1);
        Clips.Sound(folder["sound.wav"]);
        var run = Succeed(["segment", "--frames", "frames", "--audio", "sound.wav", "--out", "result", "--weights", .. files]);
        Assert.Contains($"weights: {files[0]} brings VGGish: 18 tensors, 72.1 M parameters (PyTorch checkpoint (legacy))", run.ErrorLines);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["result/result.json"]));
        Assert.Equal("SAM2.1 mini + AuralFuser", json.RootElement.GetProperty("model").GetString());
        Assert.Equal(files, json.RootElement.GetProperty("weight_files").EnumerateArray().Select(f => f.GetProperty("path").GetString()));
        CheckResult("result", 1, 60, 44);
    }

    private CommandRun Succeed(params string[] args)
    {
        var run = CommandRun.OfProcess(folder.Path, args);
        Assert.True(run.Code == 0, run.Error);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        return run;
    }

    /// <summary>All files are there, and result.json tells what the masks show.</summary>
    private void CheckResult(string result, int frames, int width, int height)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(folder[result + "/result.json"]));
        var entries = json.RootElement.GetProperty("frames");
        Assert.Equal(frames, entries.GetArrayLength());
        Assert.Equal(frames, Directory.GetFiles(folder[result + "/masks"]).Length);
        Assert.Equal(frames, Directory.GetFiles(folder[result + "/overlays"]).Length);
        foreach (var entry in entries.EnumerateArray())
        {
            using var mask = SKBitmap.Decode(folder[$"{result}/{entry.GetProperty("mask").GetString()}"]);
            using var overlay = SKBitmap.Decode(folder[$"{result}/{entry.GetProperty("overlay").GetString()}"]);
            Assert.Equal((width, height, width, height), (mask.Width, mask.Height, overlay.Width, overlay.Height));
            var pixels = mask.Pixels;
            Assert.All(pixels, p => Assert.True(p.Red is 0 or 255));
            Assert.Equal(pixels.Count(p => p.Red == 255), entry.GetProperty("area").GetInt32());
        }

        using var overview = SKBitmap.Decode(folder[result + "/overview.png"]);
        Assert.True(overview.Width > 400 && overview.Height > 200);
        Assert.Equal(["masks", "overlays", "overview.png", "result.json"], Directory.EnumerateFileSystemEntries(folder[result]).Select(Path.GetFileName).Order());
    }
}
