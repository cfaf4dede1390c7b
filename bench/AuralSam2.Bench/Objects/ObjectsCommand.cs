using System.CommandLine;
using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Media;
using AuralSam2.Models.Sam2;
using AuralSam2.Predictors;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Objects;

/// <summary>
/// <c>objects</c>: what a tracked frame costs with many objects over what it costs with one, and what sound adds to a prompted frame.
/// </summary>
internal static class ObjectsCommand
{
    /// <summary>Frames that are remembered: more than sixteen pointers.</summary>
    private const int Remembered = MemoryBank.MaxPointers + 2;

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "size of SAM2", DefaultValueFactory = _ => "t" };
        model.AcceptOnlyFromAmong("t", "s", "b+", "l", "mini");
        var (device, threads) = (DeviceOption.Create(), DeviceOption.Threads());
        var rounds = new Option<int>("--rounds") { Description = "measured rounds, after one warm-up", DefaultValueFactory = _ => 3 };
        var objects = new Option<int>("--objects") { Description = "objects at the most", DefaultValueFactory = _ => 16 };
        var window = new Option<int>("--window") { Description = "frames that are fused with the sound at a time", DefaultValueFactory = _ => 5 };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        const string what = "times a tracked frame of one and of many objects with full memories, and a prompted frame without and with sound";
        var command = new Command("objects", what) { model, device, threads, rounds, objects, window, json };
        command.SetAction(parsed =>
        {
            using var opened = DeviceOption.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var (name, count) = (parsed.GetValue(model)!, Math.Max(2, parsed.GetValue(objects)));
            var measured = Math.Max(1, parsed.GetValue(rounds));
            var (one, many) = Track(opened, name, count, measured);
            var (silent, heard) = Prompt(opened, name, Math.Max(1, parsed.GetValue(window)), measured);
            var report = ObjectsReport.Of(name, opened.Name, count, parsed.GetValue(window), one, many, silent, heard);
            report.WriteTable(Console.Out);
            JsonFile.Write(parsed.GetValue(json), report);
        });
        return command;
    }

    /// <summary>Seconds of a tracked frame, picture to masks, of one object and of many in turns.</summary>
    private static (List<double> One, List<double> Many) Track(Device device, string name, int count, int rounds)
    {
        using var weights = new RuleWeights();
        using var model = Sam2Model.Load(device, name, weights);
        using var frames = new NoiseFrames(Remembered + 2);
        using var alone = Filled(model, frames, 1);
        using var crowd = Filled(model, frames, count);
        var (one, many) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            // Two frames in turns: only one is kept encoded, so that each is encoded anew.
            var frame = Remembered + (round % 2);
            var (first, second) = (Seconds(alone, frame), Seconds(crowd, frame));
            if (round == 0) continue;
            one.Add(first);
            many.Add(second);
        }

        return (one, many);
    }

    private static VideoSession Filled(Sam2Model model, IFrameSource frames, int objects)
    {
        var session = new VideoPredictor(model, new VideoOptions { EncodedFrames = 1 }).Open(frames);
        for (var id = 1; id <= objects; id++)
        {
            session.Prompt(new VideoPrompt(0, id) { Points = [new(20 * id, 15 * id)] });
            var bank = session.BankOf(id)!;
            for (var frame = 1; frame < Remembered; frame++)
            {
                var entry = bank.Take();
                Fill(model.Device, $"memory.{id}.{frame}", entry.Features);
                Fill(model.Device, $"pointer.{id}.{frame}", entry.Pointer);
                bank.Keep(entry, frame, isConditioning: false);
            }
        }

        return session;
    }

    private static void Fill(Device device, string name, Tensor tensor)
    {
        var values = new float[tensor.Length];
        RuleTensor.Fill("", name, 0, 1, values);
        device.Upload(values, tensor);
    }

    private static double Seconds(VideoSession session, int frame)
    {
        var start = Stopwatch.GetTimestamp();
        foreach (var _ in session.PropagateAsync(new PropagateOptions { From = frame, MaxFrames = 1 }).ToBlockingEnumerable()) { }
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>
    /// Seconds of a prompted frame, picture to mask, over a window without and with sound in turns; the sound's encoder is part of it.
    /// </summary>
    private static (List<double> Silent, List<double> Heard) Prompt(Device device, string name, int window, int rounds)
    {
        using var weights = new RuleWeights();
        using var model = AuralSam2Model.Load(device, name, weights);
        using var frames = new NoiseFrames(window);
        var sound = new Waveform(16000, [new float[16000 * window], new float[16000 * window]]);
        foreach (var channel in sound.Channels)
            for (var i = 0; i < channel.Length; i++) channel[i] = 0.3f * MathF.Sin(0.05f * i);
        var (silent, heard) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var (without, with) = (Seconds(null), Seconds(sound));
            if (round == 0) continue;
            silent.Add(without);
            heard.Add(with);
        }

        return (silent, heard);

        double Seconds(Waveform? played)
        {
            using var session = new VideoPredictor(model, new VideoOptions { EncodedFrames = 1, Window = window }).Open(frames, played);
            var start = Stopwatch.GetTimestamp();
            for (var frame = 0; frame < window; frame++) session.Prompt(new VideoPrompt(frame) { Points = [new(300, 200)] });
            return Stopwatch.GetElapsedTime(start).TotalSeconds / window;
        }
    }
}
