using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Startup;

/// <summary><c>startup</c>: how long a person waits for the first sign, beyond what the arithmetic takes.</summary>
internal static class StartupCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "size of SAM2", DefaultValueFactory = _ => "t" };
        model.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        var threads = DeviceOption.Threads();
        var rounds = new Option<int>("--rounds") { Description = "measured rounds, after one warm-up", DefaultValueFactory = _ => 5 };
        var aural = new Option<FileInfo?>("--aural") { Description = "program to start; by default the one beside this, or the Release build" };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        var command = new Command("startup", "times the command from the start of its process: devices, and segment up to the first mask")
        {
            model, threads, rounds, aural, json,
        };
        command.SetAction(parsed =>
        {
            var program = parsed.GetValue(aural) is { } file ? new AuralProcess(file.FullName) : AuralProcess.Find();
            var report = Measure(program, parsed.GetValue(model)!, parsed.GetValue(threads), Math.Max(1, parsed.GetValue(rounds)));
            report.WriteTable(Console.Out);
            JsonFile.Write(parsed.GetValue(json), report);
        });
        return command;
    }

    /// <summary>
    /// In every round: <c>devices</c>; <c>segment</c> on a clip of one frame; and the same clip with a model that is loaded and has run
    /// before, which is the arithmetic. The first round only fills the page cache and warms the model.
    /// </summary>
    private static StartupReport Measure(AuralProcess aural, string model, int threads, int rounds)
    {
        using var clip = new OneFrameClip(model);
        using var device = new CpuDevice(threads);
        using var weights = SafetensorsFile.Open(clip.Weights);
        using var loaded = AuralSam2Model.Load(device, model, weights);
        using var frames = new FrameFolder(clip.Frames, 1);
        var sound = SoundReader.Read(clip.Sound);
        var predictor = new AudioVisualPredictor(loaded);
        var samples = new List<StartupSample>();
        for (var round = 0; round <= rounds; round++)
        {
            var devices = aural.Run("devices", "--threads", $"{device.Threads}").Seconds;
            using var result = JsonDocument.Parse(aural.Run(
                "segment", "--json", "--frames", clip.Frames, "--audio", clip.Sound, "--weights", clip.Weights, "--device", "cpu",
                "--threads", $"{device.Threads}", "--out", clip.Result, "--force").Output);
            var timings = result.RootElement.GetProperty("timings");
            var start = Stopwatch.GetTimestamp();
            foreach (var _ in predictor.Segment(frames, sound, new SegmentOptions())) { }
            var arithmetic = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (round == 0) continue;
            double Of(string name) => timings.GetProperty(name).GetDouble();
            samples.Add(new StartupSample(devices, Of("startup_s"), Of("open_s"), Of("load_s"), Of("first_mask_s"), arithmetic));
        }

        return StartupReport.Of(model, device.Threads, aural.Path, samples);
    }
}
