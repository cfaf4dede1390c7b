using System.CommandLine;
using System.Text.Json;
using AuralSam2.Kernels;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary><c>aural devices</c>: what this machine offers.</summary>
internal sealed class DevicesCommand : Command
{
    private const string EmulatorNote =
        "for tests only: runs the GPU kernels on ILGPU's CPU accelerator, where a debugger can step through them; too slow for anything else";

    public DevicesCommand(IEngine engine, CommandStreams streams)
        : base("devices", "Lists what can compute here, with measured peaks (takes a second or two).")
    {
        var threads = SharedOptions.Threads();
        var json = SharedOptions.Json();
        Options.Add(threads);
        Options.Add(json);
        SetAction(parsed => List(engine, streams, SharedOptions.ThreadsOf(parsed, threads), parsed.GetValue(json)));
    }

    private static int List(IEngine engine, CommandStreams streams, int threads, bool json)
    {
        using var cpu = new CpuDevice(threads);
        var peak = engine.MeasurePeak(cpu.Threads);
        DeviceEntry[] devices =
        [
            new("cpu", cpu.Isa.Title(), cpu.Threads, Math.Round(peak.Gflops, 1), Math.Round(peak.GigabytesPerSecond, 1), true, "the default"),
            new("emulator", null, null, null, null, false, EmulatorNote),
        ];
        if (json)
        {
            streams.Out.WriteLine(
                JsonSerializer.Serialize(new DevicesDocument("aural", AuralCommand.Version, devices), ResultJson.Of.DevicesDocument));
            return ExitCode.Done;
        }

        var table = new Table().RoundedBorder()
            .AddColumn("device").AddColumn("instructions").AddColumn(new TableColumn("threads").RightAligned())
            .AddColumn(new TableColumn("FMA peak\nGFLOP/s").RightAligned().NoWrap())
            .AddColumn(new TableColumn("memory\nGB/s").RightAligned().NoWrap())
            .AddColumn("");
        foreach (var d in devices)
            table.AddRow(d.Name, d.Instructions ?? "", $"{d.Threads}", $"{d.FmaPeakGflops:0.0}", $"{d.MemoryGbPerS:0.0}", d.Note);
        streams.OutConsole().Write(table);
        return ExitCode.Done;
    }
}

/// <summary>What <c>aural devices --json</c> prints.</summary>
internal sealed record DevicesDocument(string Tool, string Version, IReadOnlyList<DeviceEntry> Devices);

/// <summary>One device. Peaks are null where none was measured.</summary>
internal sealed record DeviceEntry(
    string Name, string? Instructions, int? Threads, double? FmaPeakGflops, double? MemoryGbPerS, bool Selectable, string Note);
