using System.Text.Json;
using AuralSam2.Media;
using AuralSam2.Testing;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural track</c> on the real engine with its small model: what a person gets.</summary>
public sealed class RealTrackTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Points_boxes_and_masks_of_several_objects_forwards_and_backwards()
    {
        Clips.Frames(folder["frames"], 6, 61, 45);
        var square = new byte[61 * 45];
        for (var y = 10; y < 25; y++) square.AsSpan((y * 61) + 8, 20).Fill(255);
        PngWriter.WriteGray(folder["a mask, of 3.png"], 61, 45, square);
        var run = Track(
            "--frames", "frames", "--point", "2,20,20,1", "--point", "2,50,40,0", "--box", "3,5,5,40,40,7", "--mask", $"4,{folder["a mask, of 3.png"]},3",
            "--reverse", "--out", "result");
        Assert.Contains("timeline.png", run.Out, StringComparison.Ordinal);
        using var result = Result();
        var frames = result.RootElement.GetProperty("frames").EnumerateArray().ToArray();
        Assert.Equal(6, frames.Length);
        foreach (var frame in frames)
            Assert.Equal([1, 3, 7], frame.GetProperty("objects").EnumerateArray().Select(o => o.GetProperty("object").GetInt32()));
        for (var i = 0; i < 6; i++)
        {
            var mask = ImageReader.Read(folder[$"result/masks/{i:00000}.png"]);
            Assert.Equal((61, 45), (mask.Width, mask.Height));
        }

        Assert.Equal(300, frames[4].GetProperty("objects")[1].GetProperty("area").GetInt32());
        Assert.True(File.Exists(folder["result/timeline.png"]));
        Assert.Equal(["a mask, of 3.png", "frames", "result"], folder.Names);
    }

    [Fact]
    public void A_numbered_mask_is_every_object_in_it()
    {
        Clips.Frames(folder["frames"], 3, 40, 90); // portrait
        var numbers = new byte[40 * 90];
        numbers.AsSpan(400, 200).Fill(2);
        numbers.AsSpan(1200, 300).Fill(5);
        PngWriter.WriteIndexed(folder["numbers.png"], 40, 90, numbers, ObjectPalette.Colors);
        Track("--frames", "frames", "--mask", $"0,{folder["numbers.png"]}", "--out", "result");
        var mask = ImageReader.Read(folder["result/masks/00000.png"]);
        for (var i = 0; i < numbers.Length; i++)
        {
            var (red, green, blue) = ObjectPalette.Colors[numbers[i]];
            if (numbers[i] == 2 && i is > 420 and < 430) Assert.Equal((red, green, blue), (mask.Pixels[3 * i], mask.Pixels[(3 * i) + 1], mask.Pixels[(3 * i) + 2]));
        }

        using var result = Result();
        Assert.Equal([2, 5], result.RootElement.GetProperty("objects").EnumerateArray().Select(o => o.GetProperty("object").GetInt32()));
    }

    [Fact]
    public void Prompts_come_from_a_file_too_and_json_is_one_document()
    {
        Clips.Frames(folder["frames"], 3);
        File.WriteAllText(folder["prompts.json"], """{"prompts": [{"frame": 1, "object": 4, "points": [[20, 20, 1], [3.5, 3, 0]], "box": [5, 5, 40, 40]}]}""");
        var run = Track("--frames", "frames", "--prompts", folder["prompts.json"], "--json", "--out", "result");
        Assert.Equal(File.ReadAllText(folder["result/result.json"]), run.Out);
        using var json = JsonDocument.Parse(run.Out);
        var prompt = json.RootElement.GetProperty("prompts")[0];
        Assert.Equal((1, 4, 2, true), (prompt.GetProperty("frame").GetInt32(), prompt.GetProperty("object").GetInt32(), prompt.GetProperty("points").GetInt32(), prompt.GetProperty("box").GetBoolean()));
        Assert.Empty(json.RootElement.GetProperty("frames")[0].GetProperty("objects").EnumerateArray()); // before the prompt, without --reverse
    }

    [Fact]
    public void Sound_is_heard_where_it_is_given()
    {
        Clips.Frames(folder["frames"], 3);
        Clips.Sound(folder["sound.wav"]);
        Track("--frames", "frames", "--fps", "1", "--point", "0,20,20,1", "--out", "result");
        var silent = Scores();
        Track("--frames", "frames", "--fps", "1", "--point", "0,20,20,1", "--audio", folder["sound.wav"], "--out", "result", "--force");
        Assert.All(silent.Zip(Scores()), pair => Assert.NotEqual(pair.First, pair.Second));

        double[] Scores()
        {
            using var result = Result();
            return [.. result.RootElement.GetProperty("frames").EnumerateArray().Select(f => f.GetProperty("objects")[0].GetProperty("object_score").GetDouble())];
        }
    }

    [Fact]
    public void A_video_gives_a_video()
    {
        var video = Clips.VideoOrSkip(folder["clip.mp4"], "-f lavfi -i testsrc=size=61x45:rate=8:duration=1 -pix_fmt yuv444p");
        Track("--video", video, "--fps", "8", "--box", "0,5,5,40,40", "--out", "result");
        using var frames = VideoFile.Open(folder["result/overlay.mp4"], 8);
        Assert.Equal((8, 62, 46), (frames.Count, frames.Width, frames.Height));
        Assert.False(Directory.Exists(folder["result/overlays"]));
    }

    [Theory]
    [InlineData("outside", "--point", "0,61,10,1")]
    [InlineData("no frame 3", "--point", "3,5,10,1")]
    [InlineData("empty", "--box", "0,30,30,30,40")]
    [InlineData("not a number", "--point", "0,NaN,3,1")]
    [InlineData("3 values", "--point", "0,1,2")]
    [InlineData("label 7", "--point", "0,1,2,7")]
    [InlineData("no whole number", "--point", "x,1,2,1")]
    [InlineData("numbered 1 to 255", "--point", "0,1,2,1,256")]
    [InlineData("object 9 is unknown", "--point", "0,1,2,0,9")]
    [InlineData("wants frame,FILE", "--mask", "0")]
    [InlineData("10 x 10 pixels", "--mask", "0,small.png")]
    [InlineData("is empty", "--mask", "0,black.png")]
    [InlineData("none of DAVIS", "--mask", "0,photo.png")]
    [InlineData("no file of prompts", "--prompts", "bad.json")]
    [InlineData("number of pixels", "--fill-holes", "-1")]
    [InlineData("which object", "--reverse", "true")]
    [InlineData("own sound", "--audio", "--point", "0,1,2,1")]
    public void A_bad_prompt_is_one_clear_line(string words, params string[] options)
    {
        Clips.Frames(folder["frames"], 3);
        PngWriter.WriteGray(folder["small.png"], 10, 10, new byte[100]);
        PngWriter.WriteGray(folder["black.png"], 60, 44, new byte[60 * 44]);
        Clips.Frame(folder["photo.png"], 0, 60, 44);
        File.WriteAllText(folder["bad.json"], """{"prompts": [{"object": 1}]}""");
        string[] there = [.. options.Select(o => o.EndsWith(".png", StringComparison.Ordinal) ? o.Replace(",", $",{folder.Path}/", StringComparison.Ordinal)
            : o.EndsWith(".json", StringComparison.Ordinal) ? folder[o] : o)];
        Run(["--frames", "frames", "--out", "result", .. there]).FailsWith(ExitCode.WrongUsage, words);
        Assert.False(Directory.Exists(folder["result"]));
    }

    [Fact]
    public void An_interrupt_leaves_nothing()
    {
        Clips.Frames(folder["frames"], 3);
        using var interrupted = new CancellationTokenSource();
        interrupted.Cancel();
        var run = CommandRun.InProcess(
            new Engine(), interrupted.Token, "track", "--frames", folder["frames"], "--point", "0,20,20,1", "--weights", "rule", "--model", "mini", "--out", folder["result"]);
        run.FailsWith(ExitCode.Interrupted, "no result was written");
        Assert.Equal(["frames"], folder.Names);
    }

    /// <summary>Real frames with ground truth, names of five digits, JPEG; masks of two sequences.</summary>
    [Theory]
    [InlineData("judo", 16)]
    [InlineData("bike", 4)]
    public void Frames_with_ground_truth(string sequence, int count)
    {
        var frames = Repository.SharedOrSkip("media", "masks", "images", sequence);
        var mask = Repository.SharedOrSkip("media", "masks", "masks", sequence, "00000.png");
        Track("--frames", frames, "--mask", $"0,{mask}", "--out", "result");
        using var result = Result();
        Assert.Equal(count, result.RootElement.GetProperty("input").GetProperty("count").GetInt32());

        // The mask that was given comes back, but for the rim that its way through the model's input size costs.
        RgbImage given = ImageReader.Read(mask), found = ImageReader.Read(folder["result/masks/00000.png"]);
        var (both, any) = (0, 0);
        for (var i = 0; i < given.Pixels.Length; i += 3)
        {
            bool a = given.Pixels.AsSpan(i, 3).ContainsAnyExcept((byte)0), b = found.Pixels.AsSpan(i, 3).ContainsAnyExcept((byte)0);
            both += a && b ? 1 : 0;
            any += a || b ? 1 : 0;
        }

        Assert.InRange((double)both / any, 0.45, 1); // thin spokes are lost at 128 x 128
    }

    [Fact]
    public void Frames_whose_numbers_have_gaps()
    {
        var frames = Repository.SharedOrSkip("media", "video", "bedroom");
        Track("--frames", frames, "--box", "0,300,100,600,400", "--point", "3,480,270,1,2", "--reverse", "--out", "result");
        using var result = Result();
        Assert.Equal(7, result.RootElement.GetProperty("frames").GetArrayLength());
    }

    private CommandRun Track(params string[] args)
    {
        var run = Run(args);
        Assert.True(run.Code == ExitCode.Done, run.Error);
        return run;
    }

    private CommandRun Run(string[] args) => CommandRun.InProcess(
        new Engine(), CancellationToken.None,
        ["track", .. args.Select((a, i) => i > 0 && args[i - 1] is "--frames" or "--out" && !Path.IsPathRooted(a) ? folder[a] : a), "--weights", "rule", "--model", "mini"]);

    private JsonDocument Result() => JsonDocument.Parse(File.ReadAllText(folder["result/result.json"]));
}
