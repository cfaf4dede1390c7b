using AuralSam2.Kernels;

namespace AuralSam2.Cli;

/// <summary>The device that <c>--device</c> chose, and what to tell about it.</summary>
/// <param name="device">It; disposed with this.</param>
/// <param name="note">See <see cref="DeviceCatalog.Open(string, int, out string)"/>.</param>
internal sealed class ChosenDevice(Device device, string? note) : IDisposable
{
    public Device Device => device;

    /// <summary>Why nothing faster was taken, or what is special about it; null when there is nothing to say.</summary>
    public string? Note => note;

    /// <summary>Opens it. What is worth knowing is told at once: the work may take minutes.</summary>
    public static ChosenDevice Open(IEngine engine, CommandStreams streams, string choice, int threads)
    {
        var device = engine.OpenDevice(choice, threads, out var note);
        if (note is not null) streams.Error.WriteLine($"note: {note}; computing on {device.Name}");
        return new ChosenDevice(device, note);
    }

    /// <summary>The line of a summary.</summary>
    public static string Line(string device, string? note) => $"device: {device}{(note is null ? "" : $"; {note}")}";

    public void Dispose() => device.Dispose();
}
