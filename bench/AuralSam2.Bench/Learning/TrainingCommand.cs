using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AuralSam2.Bench.Loading;
using AuralSam2.Bench.Parts;
using AuralSam2.Bench.Peer;
using AuralSam2.Bench.Race;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Learning;

/// <summary><c>training</c>: the memory of a training step beside TorchSharp's, the gradients of both, and where the step's time goes.</summary>
internal static class TrainingCommand
{
    private const string Model = "t";
    private const string Slot = "fp32";

    public static Command Create()
    {
        var threads = DeviceOption.Threads();
        var rounds = new Option<int>("--rounds")
        {
            Description = "steps during which the peak is watched, after one warm-up",
            DefaultValueFactory = _ => 2,
        };
        var ops = new Option<bool>("--ops") { Description = "run once more with the clock of every op on, and list them" };
        var shapes = new Option<bool>("--shapes") { Description = "the same, by the shapes of ops" };
        var alone = new Option<bool>("--alone") { Description = "this engine alone, no TorchSharp" };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        const string what = "memory and gradients of a training step of AuralFuser beside TorchSharp's; exit code 1 if ours takes more memory";
        var command = new Command("training", what) { threads, rounds, ops, shapes, alone, json };
        command.SetAction(parsed =>
        {
            using var device = new CpuDevice(parsed.GetValue(threads));
            using var step = new TrainingPart(device, Model);
            double Once() => Run(device, step.Part);
            Once();
            var count = parsed.GetValue(rounds);
            var (peak, ms) = Peak(() => Enumerable.Range(0, count).Select(_ => 1e3 * Once()).Min());
            var ours = new StepMemory(peak, step.ParameterBytes, step.StepBytes, step.ScratchBytes);
            if (parsed.GetValue(ops)) OpTable.Write(device, Once);
            if (parsed.GetValue(shapes)) OpTable.Write(device, Once, OpGrouping.Shape);
            var report = new TrainingReport(device.Threads, ms, ours, Machine.Here());
            if (!parsed.GetValue(alone)) report = Compare(report, device, step, count);
            report.WriteTable(Console.Out);
            JsonFile.Write(parsed.GetValue(json), report);
            return report.Met ? 0 : 1;
        });
        return command;
    }

    private static double Run(Device device, Part part)
    {
        using var scope = device.Scope();
        device.Synchronize();
        var start = Stopwatch.GetTimestamp();
        part.Run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static (long? Bytes, double Ms) Peak(Func<double> run)
    {
        // Arrays from which weights and inputs were made.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var isMeasured = ResidentPeak.Restart();
        var ms = run();
        return (isMeasured ? ResidentPeak.Bytes() : null, ms);
    }

    /// <summary>The peer's memory and gradients. Ours stay in memory, those of a process apart.</summary>
    private static TrainingReport Compare(TrainingReport report, CpuDevice device, TrainingPart step, int rounds)
    {
        var gradients = step.Part.Outputs!().TakeLast(TrainingPart.Compared.Length).Select(device.Download).ToArray();
        using var peer = new TorchPeer(TorchInstallation.Build(), mklFastPath: true, device.Threads);
        peer.BeginLoad(Slot, $"part {Slot} {TrainingPart.Name}");
        peer.Answer();
        var output = peer.Output(Slot).AsSpan();
        var theirs = output[^gradients.Sum(gradient => gradient.Length)..].ToArray();
        var at = 0;
        var rows = new List<GradientRow>();
        foreach (var (name, gradient) in TrainingPart.Compared.Zip(gradients))
        {
            var apart = Samples.LargestDifference(gradient, theirs[at..(at + gradient.Length)]);
            rows.Add(new GradientRow(name, gradient.Max(Math.Abs), apart));
            at += gradient.Length;
        }

        return report with { Gradients = rows, PeerPeakBytes = peer.Peak(Slot, rounds), PeerMs = peer.Run(Slot, 1) };
    }
}

/// <summary>What <c>training</c> measured.</summary>
/// <param name="Threads">Threads of both sides.</param>
/// <param name="Ms">Our fastest step.</param>
/// <param name="Ours">Our memory.</param>
/// <param name="Machine">Where.</param>
internal sealed record TrainingReport(int Threads, double Ms, StepMemory Ours, Machine Machine)
{
    /// <summary>Gradients, ours beside the peer's.</summary>
    public IReadOnlyList<GradientRow> Gradients { get; init; } = [];

    /// <summary>Peak of the peer's resident memory during its steps; null without a peer.</summary>
    public long? PeerPeakBytes { get; init; }

    /// <summary>A step of the peer on the MKL fast path; <c>race</c> compares times, in turns.</summary>
    public double? PeerMs { get; init; }

    /// <summary>Whether our memory stays under the peer's, where both could be measured.</summary>
    public bool Met => Ours.PeakBytes is not { } ours || PeerPeakBytes is not { } peer || ours < peer;

    /// <summary>A table for people.</summary>
    public void WriteTable(TextWriter output)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"\n{TrainingPart.Name}, {Threads} threads, dropout 0; {Machine.Cpu} ({Machine.Isa})"));
        output.WriteLine(
            FormattableString.Invariant($"a step: {Ms:F0} ms here")
            + (PeerMs is { } ms ? FormattableString.Invariant($", {ms:F0} ms TorchSharp") : ""));
        output.WriteLine(
            FormattableString.Invariant($"peak resident memory of the process: {Ours.PeakBytes / 1e9:F2} GB here, frozen SAM2 t and VGGish in it")
            + (PeerPeakBytes is { } peer ? FormattableString.Invariant($", {peer / 1e9:F2} GB TorchSharp  {(Met ? "met" : "MISSED")}") : ""));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"of ours: saved values and gradients of activations {Ours.StepBytes / 1e9:F2} GB, activations {Ours.ScratchBytes / 1e9:F2} GB, " +
            $"parameters, their gradients and AdamW's two means {4 * Ours.ParameterBytes / 1e9:F2} GB"));
        if (Gradients.Count == 0) return;
        output.WriteLine($"{"gradient of",-44}{"largest",12}{"difference",12}{"relative",12}");
        foreach (var row in Gradients)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{row.Parameter,-44}{row.Largest,12:0.0e+00}{row.Difference,12:0.0e+00}{row.Relative,12:0.0e+00}"));
        }
    }
}

/// <summary>Memory of a training step.</summary>
/// <param name="PeakBytes">Peak of the process's resident memory; null where it was not measured.</param>
/// <param name="ParameterBytes">Of all learned parameters; their gradients and each of AdamW's means take the same.</param>
/// <param name="StepBytes">Values saved for gradients, and gradients of activations.</param>
/// <param name="ScratchBytes">Activations.</param>
internal sealed record StepMemory(long? PeakBytes, long ParameterBytes, long StepBytes, long ScratchBytes);

/// <summary>A parameter's gradient on both sides.</summary>
/// <param name="Parameter">Its name.</param>
/// <param name="Largest">Our largest value.</param>
/// <param name="Difference">Largest difference from the peer's.</param>
internal sealed record GradientRow(string Parameter, double Largest, double Difference)
{
    /// <summary>The difference relative to the largest value.</summary>
    public double Relative => Difference / Largest;
}
