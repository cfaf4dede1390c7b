using System.Diagnostics;
using System.Text.Json;

namespace AuralSam2.Kernels;

/// <summary>
/// Records modules and ops as nested spans, and writes them as a file that Perfetto (ui.perfetto.dev) and chrome://tracing open: the JSON
/// object form of the trace-event format, with complete events (<c>ph</c> X).
/// </summary>
/// <remarks>
/// Alone it does not wait for a GPU: there a span is the time that the host spent on launching. Beside an <see cref="OpProfile"/> it is the
/// time that the device took. The file says which.
/// </remarks>
public sealed class ChromeTrace : IDeviceObserver
{
    private const int Process = 1;

    private readonly List<Span> spans = [];
    private readonly Stack<(string Path, long Start)> modules = [];
    private readonly long origin = Stopwatch.GetTimestamp();
    private readonly string process;
    private readonly string clock;

    /// <summary>An empty trace.</summary>
    /// <param name="process">Name of the process in the viewer.</param>
    /// <param name="deviceTime">True when a profile is attached too, so that spans are the device's times.</param>
    public ChromeTrace(string process, bool deviceTime) => (this.process, clock) = (process, deviceTime ? "device" : "host");

    bool IDeviceObserver.NeedsShape => true;

    bool IDeviceObserver.NeedsDeviceTime => false;

    void IDeviceObserver.BeginModule(string path, long timestamp) => modules.Push((path, timestamp));

    void IDeviceObserver.EndModule(long timestamp)
    {
        var (path, start) = modules.Pop();
        // Inside its parent a module goes by the rest of its name: blocks.3 in image_encoder.trunk.
        var name = modules.TryPeek(out var outer) && path.StartsWith(outer.Path + ".", StringComparison.Ordinal) ? path[(outer.Path.Length + 1)..] : path;
        spans.Add(new Span(name, start, timestamp, Environment.CurrentManagedThreadId, new OpInvocation("", "", path, 0, 0, 0), default));
    }

    void IDeviceObserver.BeginOp(in OpInvocation call)
    {
    }

    void IDeviceObserver.EndOp(in OpInvocation call, in OpCost cost) =>
        spans.Add(new Span(call.Op, cost.Start, cost.End, Environment.CurrentManagedThreadId, call, cost));

    /// <summary>Writes all spans that have ended, in UTF-8.</summary>
    public void Write(Stream destination)
    {
        using var json = new Utf8JsonWriter(destination);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartObject("otherData");
        json.WriteString("clock", clock);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        WriteName(json, "process_name", 0, process);
        foreach (var thread in spans.Select(s => s.Thread).Distinct()) WriteName(json, "thread_name", thread, $"thread {thread}, ops and modules");
        foreach (var span in spans.OrderBy(s => s.Start).ThenByDescending(s => s.End)) WriteSpan(json, span);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteName(Utf8JsonWriter json, string what, int thread, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("ts", 0);
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", thread);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteSpan(Utf8JsonWriter json, in Span span)
    {
        var (call, isOp) = (span.Call, span.Call.Op.Length > 0);
        json.WriteStartObject();
        json.WriteString("name", span.Name);
        json.WriteString("cat", isOp ? "op" : "module");
        json.WriteString("ph", "X");
        json.WriteNumber("ts", Microseconds(span.Start));
        json.WriteNumber("dur", Microseconds(span.End) - Microseconds(span.Start));
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", span.Thread);
        json.WriteStartObject("args");
        json.WriteString("module", call.Module);
        if (isOp)
        {
            json.WriteString("shape", call.Shape);
            json.WriteNumber("flops", call.Flops);
            json.WriteNumber("bytes", call.Bytes);
            json.WriteNumber("managedBytes", span.Cost.ManagedBytes);
            json.WriteNumber("arenaBytes", span.Cost.ArenaBytes);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Since the trace began, to the nanosecond: in decimals, where sums are exact and a child cannot outlast its parent by rounding.</summary>
    private decimal Microseconds(long timestamp) => Math.Round((timestamp - origin) * 1_000_000m / Stopwatch.Frequency, 3);

    private readonly record struct Span(string Name, long Start, long End, int Thread, OpInvocation Call, OpCost Cost);
}
