using System.CommandLine;
using System.Text.Json;
using AuralSam2.Kernels;
using Spectre.Console;

namespace AuralSam2.Cli;

/// <summary><c>aural devices</c>: what this machine offers, and why something cannot be used.</summary>
internal sealed class DevicesCommand : Command
{
    private const string EmulatorNote =
        "for tests: runs the GPU kernels on the processor, where a debugger can step through them; far too slow for clips";

    public DevicesCommand(IEngine engine, CommandStreams streams)
        : base("devices", "Lists what can compute here, with the processor's measured peaks.")
    {
        var threads = SharedOptions.Threads();
        var json = SharedOptions.Json();
        Options.Add(threads);
        Options.Add(json);
        SetAction(parsed => List(engine, streams, SharedOptions.ThreadsOf(parsed, threads), parsed.GetValue(json)));
    }

    private static int List(IEngine engine, CommandStreams streams, int threads, bool json)
    {
        var listings = engine.Devices();
        var auto = listings.FirstOrDefault(l => l is { Kind: DeviceKind.Cuda, Unusable: null })?.Id ?? "cpu";
        DeviceEntry[] devices = [.. listings.Select(l => l.Kind == DeviceKind.Cpu ? Processor(engine, l, threads, auto) : Gpu(l, auto))];
        if (json)
        {
            streams.Out.WriteLine(
                JsonSerializer.Serialize(new DevicesDocument("aural", AuralCommand.Version, devices), ResultJson.Of.DevicesDocument));
            return ExitCode.Done;
        }

        var table = new Table().RoundedBorder()
            .AddColumn(new TableColumn("device").NoWrap()).AddColumn("hardware")
            .AddColumn(new TableColumn("memory\nGiB").RightAligned().NoWrap())
            .AddColumn(new TableColumn("FMA peak\nGFLOP/s").RightAligned().NoWrap())
            .AddColumn(new TableColumn("reads\nGB/s").RightAligned().NoWrap())
            .AddColumn("usable").AddColumn("");
        foreach (var d in devices)
        {
            table.AddRow(
                d.Name, Markup.Escape(d.Hardware), $"{d.MemoryGib:0.0}", $"{d.FmaPeakGflops:0.0}", $"{d.MemoryGbPerS:0.0}",
                d.Selectable ? "yes" : "[red]no[/]", Markup.Escape(d.Note));
        }

        streams.OutConsole().Write(table);
        return ExitCode.Done;
    }

    private static DeviceEntry Processor(IEngine engine, DeviceListing listing, int threads, string auto)
    {
        using var cpu = new CpuDevice(threads);
        var peak = engine.MeasurePeak(cpu.Threads);
        return new DeviceEntry(
            listing.Id, $"{cpu.Isa.Title()}, {cpu.Threads} thread{(cpu.Threads == 1 ? "" : "s")}", cpu.Isa.Title(), cpu.Threads, Gib(listing),
            Math.Round(peak.Gflops, 1), Math.Round(peak.GigabytesPerSecond, 1), true, NoteOf(listing, auto));
    }

    private static DeviceEntry Gpu(DeviceListing listing, string auto) =>
        new(listing.Id, listing.Name, null, null, Gib(listing), null, null, listing.Unusable is null, NoteOf(listing, auto));

    private static string NoteOf(DeviceListing listing, string auto) => listing switch
    {
        { Unusable: { } reason } => reason,
        { Kind: DeviceKind.Emulator } => EmulatorNote,
        { Kind: DeviceKind.OpenCl } => "experimental",
        _ => listing.Id == auto ? "the default" : "",
    };

    private static double? Gib(DeviceListing listing) =>
        listing.MemoryBytes is { } bytes ? Math.Round(bytes / (double)(1L << 30), 1) : null;
}

/// <summary>What <c>aural devices --json</c> prints.</summary>
internal sealed record DevicesDocument(string Tool, string Version, IReadOnlyList<DeviceEntry> Devices);

/// <summary>One device: the name that <c>--device</c> takes, and whether it does. Peaks are null where none was measured.</summary>
internal sealed record DeviceEntry(
    string Name, string Hardware, string? Instructions, int? Threads, double? MemoryGib, double? FmaPeakGflops, double? MemoryGbPerS,
    bool Selectable, string Note);
