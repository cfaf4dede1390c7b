using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Clip;

/// <summary><c>clip</c>: a whole clip, pictures and sound to masks, against the processor's peak.</summary>
internal static class ClipCommand
{
    private const int SampleRate = 16000;

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "size of SAM2", DefaultValueFactory = _ => "t" }.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        var threads = new Option<int>("--threads") { Description = "threads", DefaultValueFactory = _ => Environment.ProcessorCount };
        var frames = new Option<int>("--frames") { Description = "frames of the clip, one a second", DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds") { Description = "measured runs, after one warm-up", DefaultValueFactory = _ => 3 };
        var ops = new Option<bool>("--ops") { Description = "run once more with the clock of every op on, and list them" };
        var json = new Option<bool>("--json") { Description = "print one JSON object instead of a table" };
        var command = new Command("clip", "times a whole clip, pictures and sound to masks") { model, threads, frames, rounds, ops, json };
        command.SetAction(parsed => Run(parsed.GetValue(model)!, parsed.GetValue(threads), parsed.GetValue(frames), parsed.GetValue(rounds), parsed.GetValue(ops), parsed.GetValue(json)));
        return command;
    }

    private static void Run(string model, int threads, int frames, int rounds, bool ops, bool json)
    {
        using var device = new CpuDevice(threads);
        var load = Stopwatch.GetTimestamp();
        using var loaded = AuralSam2Model.Load(device, model, new RuleWeights());
        var loadSeconds = Stopwatch.GetElapsedTime(load).TotalSeconds;
        using var clip = new NoiseClip(frames, 640, 360);
        var predictor = new AudioVisualPredictor(loaded);
        var sound = NoiseClip.Sound(frames, SampleRate);
        double Once()
        {
            var start = Stopwatch.GetTimestamp();
            foreach (var _ in predictor.Segment(clip, sound, new SegmentOptions())) { }
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Once();
        var peak = CpuPeak.FmaGflops(threads);
        var seconds = new double[rounds];
        var flops = device.DeclaredFlops;
        for (var i = 0; i < rounds; i++) seconds[i] = Once();
        flops = (device.DeclaredFlops - flops) / rounds;
        peak = Math.Max(peak, CpuPeak.FmaGflops(threads));
        Array.Sort(seconds);
        var median = seconds[rounds / 2];
        var report = new ClipReport(
            model, threads, frames, loaded.ImageSize, loadSeconds, 1e3 * median, 1e3 * seconds[0], flops / 1e9, flops / 1e9 / median, peak, flops / 1e9 / median / peak,
            Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0, device.Arena.Capacity * sizeof(float) / 1048576.0, Machine.Here());
        if (json) Console.WriteLine(JsonSerializer.Serialize(report, new JsonSerializerOptions { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower }));
        else report.WriteTable(Console.Out);
        if (ops) OpTable.Write(device, Once);
    }
}

/// <summary>What <c>clip</c> prints.</summary>
internal sealed record ClipReport(
    string Model, int Threads, int Frames, int ImageSize, double LoadS, double ClipMs, double ClipBestMs, double Gflop, double Gflops, double FmaPeakGflops, double ShareOfPeak,
    double PeakMemoryMib, double ArenaMib, Machine Machine)
{
    public void WriteTable(TextWriter output)
    {
        output.WriteLine($"{Frames} frames at {ImageSize} x {ImageSize}, model {Model}, {Threads} threads, on {Machine.Cpu} ({Machine.Isa})");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"clip          {ClipMs,10:F0} ms median, {ClipBestMs:F0} ms best; weights by rule in {LoadS:F1} s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"work          {Gflop,10:F0} GFLOP declared, {Gflops:F0} GFLOP/s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"FMA peak      {FmaPeakGflops,10:F0} GFLOP/s in the same run: {ShareOfPeak:P1} of it"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak memory   {PeakMemoryMib,10:F0} MiB, of it {ArenaMib:F0} MiB scratch for activations"));
    }
}

/// <summary>A clip of smooth noise: the arithmetic does not care what it sees.</summary>
internal sealed class NoiseClip(int frames, int width, int height) : IFrameSource
{
    public string Description => "noise";

    public int Count => frames;

    public int Width => width;

    public int Height => height;

    public double FramesPerSecond => 1;

    public static Waveform Sound(int seconds, int rate)
    {
        var samples = new float[seconds * rate];
        RuleTensor.Fill("", "bench.sound", 0, 0.3, samples);
        return new Waveform(rate, [samples]);
    }

    public RgbImage Read(int index)
    {
        var values = new float[width * height * 3];
        RuleTensor.Fill("", $"bench.frame.{index}", 127.5, 127.5, values);
        return new RgbImage(width, height, Array.ConvertAll(values, v => (byte)v));
    }

    public void Dispose()
    {
    }
}
