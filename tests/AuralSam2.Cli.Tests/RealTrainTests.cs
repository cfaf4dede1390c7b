using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Testing;
using AuralSam2.Tests.Data;
using AuralSam2.Weights;

namespace AuralSam2.Cli.Tests;

/// <summary><c>aural train</c> and <c>aural verify --training</c> on the real engine: the mini model, dropout, the contrastive loss.</summary>
public sealed class RealTrainTests : IDisposable
{
    private const int Width = 64, Height = 48, Frames = 3;

    private readonly TemporaryFolder folder = new();
    private readonly DatasetFolder data = new();

    public void Dispose()
    {
        folder.Dispose();
        data.Dispose();
    }

    [Fact]
    public void It_learns_a_clip_by_heart()
    {
        Write("t0", "train");
        Write("v0", "val");
        data.Write();
        var run = InProcess(Line("rule", "--epochs", "12", "--accumulate", "1", "--lr", "0.001"));
        Assert.True(run.Code == 0, run.Error);
        Assert.Equal(
            ["best.safetensors", "curves.png", "last.safetensors", "log.jsonl"],
            Directory.GetFiles(Out).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        var losses = Losses();
        Assert.Equal(12, losses.Length);
        Assert.All(losses, loss => Assert.True(double.IsFinite(loss)));
        Assert.True(losses[^4..].Average() < 0.75 * losses[..4].Average(), string.Join(' ', losses));
        var inspected = InProcess("inspect", Path.Combine(Out, "last.safetensors"));
        Assert.True(inspected.Code == 0, inspected.Error);
        Assert.Contains("AuralFuser", inspected.Out, StringComparison.Ordinal);
    }

    /// <summary>Dropout and sampling draw from the step; running statistics, AdamW's means and counts are saved.</summary>
    [Fact]
    public void An_interrupted_run_ends_with_the_same_bytes()
    {
        for (var i = 0; i < 3; i++) Write($"t{i}", "train");
        data.Write();
        string[] options = ["--epochs", "2", "--accumulate", "2", "--lr", "0.001", "--validate-every", "0"];
        using var interrupt = new CancellationTokenSource();
        var steps = 0;
        var watched = new FakeTerminal(line =>
        {
            if (line.StartsWith("epoch ", StringComparison.Ordinal) && ++steps == 3) interrupt.Cancel();
        });
        using var output = new StringWriter();
        var streams = new CommandStreams(output, watched, OutIsTerminal: false, ErrorIsTerminal: false);
        var code = AuralCommand.Run(Line("rule", options), QuickEngine.Create(), streams, interrupt.Token);
        Assert.True(code == 130, watched.ToString());
        Assert.Contains("interrupted after step 3, which is saved; aural train --resume --out", watched.ToString(), StringComparison.Ordinal);
        var resumed = InProcess("train", "--resume", "--out", Out, "--device", "cpu", "--threads", "2", "--validate-every", "0");
        Assert.True(resumed.Code == 0, resumed.Error);
        var last = File.ReadAllBytes(Path.Combine(Out, "last.safetensors"));
        Directory.Delete(Out, recursive: true);
        Assert.Equal(0, InProcess(Line("rule", options)).Code);
        Assert.True(last.AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(Out, "last.safetensors"))));
    }

    [Fact]
    public void It_begins_without_AuralFuser_and_its_weights_segment()
    {
        Write("t0", "train");
        Write("v0", "val");
        data.Write();
        var frozen = FrozenWeights();
        var run = InProcess(Line(frozen, "--epochs", "2", "--accumulate", "1"));
        Assert.True(run.Code == 0, run.Error);
        Assert.All(Losses(), loss => Assert.True(double.IsFinite(loss)));
        var frames = Path.Combine(data.AvsClip("v1m", "v0"), "frames");
        foreach (var name in (string[])["best", "last"])
        {
            var segmented = InProcess(
                "segment", "--frames", frames, "--audio", Path.Combine(data.AvsClip("v1m", "v0"), "audio.wav"), "--weights", frozen,
                Path.Combine(Out, name + ".safetensors"), "--device", "cpu", "--out", folder[name]);
            Assert.True(segmented.Code == 0, segmented.Error);
            Assert.Equal(Frames, Directory.GetFiles(Path.Combine(folder[name], "masks")).Length);
        }
    }

    [Fact]
    public void Ctrl_C_finishes_the_step()
    {
        Signals.SkipWhereInterruptsAreIgnored();
        Write("t0", "train");
        data.Write();
        using (var command = new RunningCommand(
            folder.Path, [], Line("rule", "--epochs", "500", "--accumulate", "1", "--validate-every", "0", "--save-every", "0")))
        {
            command.WaitFor("epoch 2/500 step 2/500: loss");
            command.Signal("INT");
            var run = command.End();
            Assert.Equal((130, ""), (run.Code, run.Out));
            Assert.Matches(@"^aural: interrupted after step \d+, which is saved; aural train --resume --out \S+ goes on$", run.ErrorLines[^1]);
        }

        using var checkpoint = Training.TrainingCheckpoint.Open(Path.Combine(Out, "last.safetensors"));
        Assert.InRange(checkpoint.Position.Step, 2, 20);
        Assert.Equal(["curves.png", "last.safetensors", "log.jsonl"], Directory.GetFiles(Out).Select(f => Path.GetFileName(f)).Order());
    }

    [Fact]
    public void The_proof_fits_a_screen()
    {
        var run = InProcess("verify", "--training", Repository.Golden("h_train_mini_avs.safetensors"), "--device", "cpu");
        Assert.True(run.Code == 0, run.Out + run.Error);
        Assert.Contains("gradients of fusion_modules", run.Out, StringComparison.Ordinal);
        Assert.Contains("equal to the bit", run.Out, StringComparison.Ordinal);
        Assert.InRange(run.Out.Count(c => c == '\n'), 20, 40);
        Assert.DoesNotContain("OVER", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_that_differs_is_exit_code_1()
    {
        var wrong = Clips.ChangedFixture(
            Repository.Golden("h_train_mini_avs.safetensors"), folder["wrong.safetensors"], tensor: "grad.patch_embeds.0.bias");
        var run = InProcess("verify", "--training", wrong, "--device", "cpu");
        Assert.Equal(1, run.Code);
        Assert.Contains("OVER", run.Out, StringComparison.Ordinal);
        Assert.Contains("patch_embeds.0.bias", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_proof_wants_a_recorded_training()
    {
        InProcess("verify", "--training").FailsWith(2, "wants a FILE", "h_train_mini_avs.safetensors");
        var run = InProcess("verify", "--training", Repository.Golden("g_losses.safetensors"), "--device", "cpu");
        Assert.Equal(1, run.Code);
        Assert.Contains("wants one of kind 'training'", run.Error, StringComparison.Ordinal);
    }

    private string Out => folder["run"];

    private static CommandRun InProcess(params string[] args) => CommandRun.InProcess(QuickEngine.Create(), CancellationToken.None, args);

    private string[] Line(string weights, params string[] more) =>
    [
        "train", "--data", data.Root, "--dataset", "v1m", "--weights", weights, "--out", Out, "--device", "cpu", "--threads", "2", .. more,
        .. (string[])(weights == "rule" ? ["--model", "mini"] : []),
    ];

    private double[] Losses() =>
    [
        .. File.ReadLines(Path.Combine(Out, "log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty("loss", out _)).Select(line => line.GetProperty("loss").GetDouble()),
    ];

    /// <summary>A clip of a disc that wanders, with its labels and a tone.</summary>
    private void Write(string uid, string split)
    {
        data.Avs("v1m", uid, split, Frames, Frames);
        var clip = data.AvsClip("v1m", uid);
        for (var i = 0; i < Frames; i++)
        {
            Clips.Frame(Path.Combine(clip, "frames", $"{uid}_{i}.png"), i, Width, Height);
            var label = new byte[Width * Height * 3];
            for (var p = 0; p < Width * Height; p++)
                if (Clips.IsDisc(p, i, Width, Height)) label[3 * p] = 128;
            PngWriter.WriteRgb(Path.Combine(clip, "labels_rgb", $"{uid}_{i}.png"), new RgbImage(Width, Height, label));
        }
    }

    /// <summary>SAM2 and VGGish by rule in a file, without AuralFuser.</summary>
    private string FrozenWeights()
    {
        using var device = new CpuDevice(2);
        using var rule = new RuleWeights("");
        var parameters = AuralSam2Network.Specification(device, Sam2Config.Named("mini", Sam2Version.V20), FuserConfig.Mini(FuserVariant.Avs));
        SafetensorsWriter.Write(
            folder["frozen.safetensors"], new Dictionary<string, string>(),
            parameters.Where(p => KeyMap.PartOf(p.Name) is WeightParts.Sam2 or WeightParts.Vggish)
                .Select(p => SafetensorsTensor.Of(p.Name, p.Shape, () => Read(p))));
        return folder["frozen.safetensors"];

        float[] Read(ParameterSpec parameter)
        {
            var values = new float[parameter.Shape.Aggregate(1, (n, d) => n * d)];
            rule.Read(parameter.Name, parameter.Shape, values);
            return values;
        }
    }

    /// <summary>An error stream that tells each line.</summary>
    private sealed class FakeTerminal(Action<string> tell) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            tell(value ?? "");
        }
    }
}
