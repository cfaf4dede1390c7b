using AuralSam2.Models.Fusion;
using AuralSam2.Testing;
using AuralSam2.Tests.Weights;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary>Bad input to the real command: one line that names the file and the fix, no partial result, an earlier result untouched.</summary>
public sealed class RealBadInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public RealBadInputTests()
    {
        Clips.Frames(folder["frames"], 2);
        Clips.Sound(folder["sound.wav"]);
        Directory.CreateDirectory(folder["out"]);
        Directory.CreateDirectory(folder["out/masks"]);
        File.WriteAllText(folder["out/result.json"], "an earlier result");
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("none", "no such folder", "--frames", "none", "--audio", "sound.wav", "--weights", "rule")]
    [InlineData("none.wav", "--audio", "--frames", "frames", "--audio", "none.wav", "--weights", "rule")]
    [InlineData("none.safetensors", "--weights", "--frames", "frames", "--audio", "sound.wav", "--weights", "none.safetensors")]
    [InlineData("none.mp4", "--video", "--video", "none.mp4", "--weights", "rule")]
    [InlineData("frames", "a folder", "--video", "frames", "--weights", "rule")]
    public void Missing_files(string named, string fix, params string[] args) => Fails(named, fix, args);

    [Fact]
    public void Weights_that_need_a_sentence()
    {
        using var weights = new AuralSam2.Tests.Weights.TemporaryFolder();
        var file = weights.Safetensors("ref.safetensors", SparseFiles.Parameters("mini", variant: FuserVariant.Ref));
        Fails("ref.safetensors", "AVS weights", "--frames", "frames", "--audio", "sound.wav", "--weights", file);
    }

    [Fact]
    public void Weights_of_another_size_than_asked_for()
    {
        using var weights = new AuralSam2.Tests.Weights.TemporaryFolder();
        var file = weights.Safetensors("tiny.safetensors", SparseFiles.Parameters("t"));
        CommandRun.OfProcess(
            folder.Path, "segment", "--frames", "frames", "--audio", "sound.wav", "--weights", file, "--model", "mini", "--out", "out", "--force")
            .FailsWith(2, "--model mini does not fit", "which is for t; leave --model out");
        CheckUntouched();
    }

    [Fact]
    public void An_empty_folder()
    {
        Directory.CreateDirectory(folder["empty"]);
        Fails("empty", "pictures", "--frames", "empty", "--audio", "sound.wav", "--weights", "rule");
        File.WriteAllText(folder["empty/readme.txt"], "no picture");
        Fails("empty", "pictures", "--frames", "empty", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_frame_of_another_size()
    {
        Clips.Frame(folder["frames/2.png"], 2, 61, 44);
        Fails("2.png", "one size", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_frame_that_is_no_image()
    {
        File.WriteAllText(folder["frames/1.png"], "not a picture");
        Fails("1.png", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_frame_that_is_cut_off()
    {
        Truncate(folder["frames/1.png"], 0.6);
        Fails("1.png", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.0003)]
    [InlineData(0)]
    public void A_sound_that_is_cut_off(double left)
    {
        Truncate(folder["sound.wav"], left);
        Fails("sound.wav", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_sound_without_samples()
    {
        var bytes = File.ReadAllBytes(folder["sound.wav"]).AsSpan(0, 44).ToArray();
        BitConverter.TryWriteBytes(bytes.AsSpan(40), 0);
        File.WriteAllBytes(folder["sound.wav"], bytes);
        Fails("sound.wav", "no samples", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_sound_that_is_text()
    {
        File.WriteAllText(folder["sound.wav"], "la la la la la la la la la la la la la la la la");
        Fails("sound.wav", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "rule");
    }

    [Fact]
    public void A_video_without_sound()
    {
        Clips.VideoOrSkip(folder["mute.mp4"], "-f lavfi -i testsrc=size=64x48:rate=10:duration=2 -pix_fmt yuv420p");
        Fails("mute.mp4", "--audio", "--video", "mute.mp4", "--weights", "rule");
    }

    [Fact]
    public void A_video_that_is_none()
    {
        Clips.VideoOrSkip(folder["some.mp4"], "-f lavfi -i testsrc=size=64x48:rate=10:duration=1 -pix_fmt yuv420p");
        Truncate(folder["some.mp4"], 0.4);
        Fails("some.mp4", "", "--video", "some.mp4", "--weights", "rule");
        File.WriteAllText(folder["text.mp4"], "no film");
        Fails("text.mp4", "", "--video", "text.mp4", "--weights", "rule");
    }

    [Fact]
    public void No_ffmpeg()
    {
        File.WriteAllText(folder["clip.mp4"], "any");
        using var command = new RunningCommand(folder.Path, new() { ["PATH"] = folder["empty"] }, "segment", "--video", "clip.mp4", "--weights", "rule", "--model", "mini", "--out", "out", "--force");
        command.End().FailsWith(1, "ffmpeg", "install", "--frames");
        CheckUntouched();
    }

    [Fact]
    public void Weights_of_another_model()
    {
        SafetensorsWriter.Write(folder["w.safetensors"], null, [
            SafetensorsTensor.Of("image_encoder.trunk.pos_embed", [1, 96, 7, 7], new float[96 * 49]), SafetensorsTensor.Of("lm_head.weight", [2, 2], new float[4])]);
        var line = Fails("w.safetensors", "give those files as well", "--frames", "frames", "--audio", "sound.wav", "--weights", "w.safetensors");
        Assert.Contains("missing are VGGish (such as vggish-10086976.pth) and AuralFuser (such as auralsam2_avs_v1m.pth)", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_cut_off_or_something_else()
    {
        File.Copy(Repository.Golden("b_mini_decoder.safetensors"), folder["w.safetensors"]);
        foreach (var left in (double[])[0.7, 0.0001, 0])
        {
            Truncate(folder["w.safetensors"], left);
            Fails("w.safetensors", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "w.safetensors");
        }

        File.WriteAllBytes(folder["w.pth"], [(byte)'P', (byte)'K', 3, 4, .. new byte[100]]);
        Fails("w.pth", "", "--frames", "frames", "--audio", "sound.wav", "--weights", "w.pth");
        Fails("frames", "a folder", "--frames", "frames", "--audio", "sound.wav", "--weights", "frames");
    }

    [Fact]
    public void An_earlier_result_without_force()
    {
        CommandRun.OfProcess(folder.Path, "segment", "--demo", "--model", "mini", "--out", "out").FailsWith(1, "out", "--force");
        CheckUntouched();
    }

    /// <summary>Fails over an earlier result that may be replaced, and leaves it as it was.</summary>
    private string Fails(string named, string fix, params string[] args)
    {
        var run = CommandRun.OfProcess(folder.Path, ["segment", .. args, "--model", "mini", "--out", "out", "--force"]).FailsWith(1, named, fix);
        CheckUntouched();
        return run.ErrorLines.Single(l => l.StartsWith("aural: ", StringComparison.Ordinal));
    }

    private void CheckUntouched()
    {
        Assert.Equal("an earlier result", File.ReadAllText(folder["out/result.json"]));
        Assert.Equal(["masks", "result.json"], Directory.EnumerateFileSystemEntries(folder["out"]).Select(Path.GetFileName).Order());
        Assert.DoesNotContain(folder.Names, name => name.Contains("partial", StringComparison.Ordinal));
    }

    private static void Truncate(string path, double left)
    {
        using var file = File.OpenWrite(path);
        file.SetLength((long)(file.Length * left));
    }
}
