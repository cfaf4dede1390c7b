using System.Text.Json;
using AuralSam2.Tests.Data;
using AuralSam2.Weights;
using SkiaSharp;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural train</c> on a generated dataset, with a small learner on real kernels.</summary>
public sealed class TrainTests : IDisposable
{
    private const int Clips = 3;

    private readonly TemporaryFolder folder = new();
    private readonly DatasetFolder data = new();

    public TrainTests()
    {
        for (var i = 0; i < Clips; i++) data.Avs("v1m", $"t{i}", "train");
        data.Avs("v1m", "v0", "val").Write();
    }

    public void Dispose()
    {
        folder.Dispose();
        data.Dispose();
    }

    [Fact]
    public void It_trains_and_says_how_it_gets_on()
    {
        var run = Train("--epochs", "2", "--accumulate", "2");
        Assert.True(run.Code == 0, run.Error);
        Assert.Equal(["best.safetensors", "curves.png", "last.safetensors", "log.jsonl"], Files);
        Assert.Equal(
            "training: 2 epochs of 3 clips, 2 steps each; 123 GFLOP/s at the most",
            run.ErrorLines.Single(l => l.StartsWith("training", StringComparison.Ordinal)));
        Assert.Matches(
            @"^epoch 2/2 step 4/4: loss \d\.\d{4} \(focal 0\.0000 dice \d\.\d{3} iou 0\.000 object 0\.000 contrast 0\.000\) " +
            @"lr \d\.\d\de-\d+ \d+\.\d\d clips/s \d+ GFLOP/s \d+ % of peak, 0 s left$",
            run.ErrorLines.Last(l => l.Contains("step", StringComparison.Ordinal)));
        Assert.Equal(2, run.ErrorLines.Count(l => l.Contains("validated on 1 clips: J 0.", StringComparison.Ordinal)));
        Assert.StartsWith($"trained 2 epochs, 4 steps: {Out}\nbest: J&F 0.", run.Out, StringComparison.Ordinal);
        Assert.Equal(6, File.ReadLines(Path.Combine(Out, "log.jsonl")).Count());
        using var picture = SKBitmap.Decode(Path.Combine(Out, "curves.png"));
        Assert.Equal((2400, 2360), (picture.Width, picture.Height));
        Assert.True(picture.Pixels.Distinct().Count() > 20);
    }

    [Fact]
    public void An_interrupt_finishes_the_step_and_the_run_goes_on_with_nothing_but_its_folder()
    {
        using var interrupt = new CancellationTokenSource();
        var engine = new FakeEngine
        {
            BeforeClip = random =>
            {
                if (random.Step == 3) interrupt.Cancel();
                return 0;
            },
        };
        var first = CommandRun.InProcess(engine, interrupt.Token, Line(Out, "--epochs", "3", "--accumulate", "1", "--lr", "0.01"));
        Assert.Equal((130, ""), (first.Code, first.Out));
        Assert.Equal($"aural: interrupted after step 4, which is saved; aural train --resume --out {Out} goes on", first.ErrorLines[^1]);
        var second = CommandRun.InProcess(new FakeEngine(), CancellationToken.None, "train", "--resume", "--out", Out, "--json");
        Assert.True(second.Code == 0, second.Error);
        Assert.Contains(second.ErrorLines, l => l.StartsWith("resuming after step 4: 3 epochs of 3 clips", StringComparison.Ordinal));
        using var json = JsonDocument.Parse(second.Out);
        Assert.Equal(9, json.RootElement.GetProperty("steps").GetInt32());

        var whole = CommandRun.InProcess(
            new FakeEngine(), CancellationToken.None, Line(folder["whole"], "--epochs", "3", "--accumulate", "1", "--lr", "0.01"));
        Assert.Equal(0, whole.Code);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["whole"], "last.safetensors")), File.ReadAllBytes(Path.Combine(Out, "last.safetensors")));
    }

    [Fact]
    public void A_run_is_neither_overwritten_nor_changed()
    {
        Assert.Equal(0, Train("--epochs", "1").Code);
        var before = File.ReadAllBytes(Path.Combine(Out, "last.safetensors"));
        Train("--epochs", "2").FailsWith(1, $"{Out}: holds a run already", "--resume");
        Resume("--lr", "0.5", "--train-vggish", "--model", "mini").FailsWith(
            1, "--model is mini, the run has t; --lr is 0.5, the run has 0.0001; --train-vggish is on, the run has off");
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, "train", "--resume", "--out", folder["none"])
            .FailsWith(1, "holds no run to resume", "leave --resume out");
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(Out, "last.safetensors")));
        Assert.Equal(0, Resume().Code); // there is nothing left to do
    }

    [Fact]
    public void What_is_no_number_is_one_line_that_names_the_op()
    {
        var engine = new FakeEngine { BeforeClip = random => random.Step == 2 ? float.PositiveInfinity : 0 };
        var run = CommandRun.InProcess(engine, CancellationToken.None, Line(Out, "--accumulate", "1", "--dropout", "0", "--save-every", "1"));
        run.FailsWith(1, "step 2 (t", "first op to blame is Gemm of aural_fuser.smooth_convs.0", "last.safetensors stands at step 2", "--clip-norm");
        Assert.Equal(0, Resume().Code); // a learner that does not stumble
    }

    [Fact]
    public void Bad_input_is_one_line()
    {
        Fails(2, ["train"], "where to", "--out DIR");
        Fails(2, ["train", "--out", Out], "--data DIR");
        Fails(2, ["train", "--out", Out, "--data", data.Root], "--dataset v1s|v1m");
        Fails(2, ["train", "--out", Out, "--data", data.Root, "--dataset", "v1m"], "--weights");
        Fails(2, Line(Out, "--dropout", "1"), "--dropout wants");
        Fails(2, Line(Out, "--lr", "-1"), "--lr wants");
        Fails(2, Line(Out, "--image-size", "100"), "multiple of 32");
        Fails(2, Line(Out, "--clip-norm", "0"), "--clip-norm wants");
        Fails(2, Line(Out, "--dataset", "v3"), "v3");
        Fails(1, ["train", "--out", Out, "--data", folder["none"], "--dataset", "v1m", "--weights", "rule"], "none: no such folder; check --data");
        Fails(1, ["train", "--out", Out, "--data", folder.Path, "--dataset", "v1m", "--weights", "rule"], "metadata.csv: no such file", "AVSBench");
        Fails(1, ["train", "--out", Out, "--data", data.Root, "--dataset", "v1s", "--weights", "rule"], "lists no train clips of v1s");
        Fails(1, ["train", "--out", Out, "--data", data.Root, "--dataset", "v1m", "--weights", "none.pt"], "none.pt: no such file; check --weights");
        SafetensorsWriter.Write(folder["sam2.safetensors"], null, [SafetensorsTensor.Of("no_mem_embed", [1, 1, 256], new float[256])]);
        Fails(1, ["train", "--out", Out, "--data", data.Root, "--dataset", "v1m", "--weights", folder["sam2.safetensors"]], "VGGish missing");
        Assert.Equal(["sam2.safetensors"], folder.Names);

        static void Fails(int code, string[] line, params string[] words) =>
            CommandRun.InProcess(new FakeEngine(), CancellationToken.None, line).FailsWith(code, words);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        var label = Path.Combine(data.AvsClip("v1m", "t1"), "labels_rgb", "t1_3.png");
        File.WriteAllText(label, "no picture");
        Train().FailsWith(1, label);
        Assert.Equal(["last.safetensors", "log.jsonl"], Files);
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_written_is_one_line()
    {
        File.WriteAllText(folder["file"], "");
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, Line(folder["file"])).FailsWith(1, "is a file; name a folder");
        Directory.CreateDirectory(Path.Combine(Out, "last.safetensors")); // nothing can take this name
        Train().FailsWith(1, "last.safetensors: cannot be written", "not full");
        Assert.Equal(["log.jsonl"], Files);
    }

    [Fact]
    public void Help_says_what_is_written()
    {
        var run = CommandRun.InProcess(new FakeEngine(), CancellationToken.None, "train", "--help");
        Assert.Equal(0, run.Code);
        foreach (var word in (string[])["--audiocon", "released|paper|none", "--resume", "last.safetensors", "curves.png", "aural train --resume --out"])
            Assert.Contains(word, run.Out, StringComparison.Ordinal);
    }

    private string Out => folder["run"];

    private string[] Files => [.. Directory.GetFiles(Out).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private string[] Line(string output, params string[] more) =>
    [
        "train", "--data", data.Root, "--weights", "rule", "--out", output, "--device", "cpu", .. more,
        .. (string[])(more.Contains("--dataset") ? [] : ["--dataset", "v1m"]),
        .. (string[])(more.Contains("--epochs") ? [] : ["--epochs", "1"]),
        .. (string[])(more.Contains("--image-size") ? [] : ["--image-size", "64"]),
    ];

    private CommandRun Train(params string[] more) => CommandRun.InProcess(new FakeEngine(), CancellationToken.None, Line(Out, more));

    private CommandRun Resume(params string[] more) =>
        CommandRun.InProcess(new FakeEngine(), CancellationToken.None, ["train", "--resume", "--out", Out, .. more]);
}
