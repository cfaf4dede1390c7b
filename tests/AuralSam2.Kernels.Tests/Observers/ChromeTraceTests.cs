using System.Text.Json;
using AuralSam2.Kernels.Ops;
using Xunit;

namespace AuralSam2.Kernels.Tests.Observers;

/// <summary>The trace file against the trace-event format (Google, "Trace Event Format").</summary>
public sealed class ChromeTraceTests
{
    [Fact]
    public void EveryEventHasTheFieldsOfItsPhase()
    {
        using var document = Traced();
        Assert.Equal("device", document.RootElement.GetProperty("otherData").GetProperty("clock").GetString());
        foreach (var e in Events(document))
        {
            Assert.NotEqual("", e.GetProperty("name").GetString());
            Assert.True(e.GetProperty("pid").GetInt32() > 0);
            Assert.True(e.GetProperty("tid").GetInt32() >= 0);
            Assert.True(e.GetProperty("ts").GetDecimal() >= 0);
            Assert.Equal(JsonValueKind.Object, e.GetProperty("args").ValueKind);
            switch (e.GetProperty("ph").GetString())
            {
                case "X":
                    Assert.True(e.GetProperty("dur").GetDecimal() >= 0);
                    Assert.Contains(e.GetProperty("cat").GetString(), (string[])["op", "module"]);
                    break;
                case "M":
                    Assert.Contains(e.GetProperty("name").GetString(), (string[])["process_name", "thread_name"]);
                    Assert.NotEqual("", e.GetProperty("args").GetProperty("name").GetString());
                    break;
                case var phase:
                    Assert.Fail($"phase {phase}");
                    break;
            }
        }
    }

    [Fact]
    public void ThreadsOfSpansAreNamed()
    {
        using var document = Traced();
        var named = Events(document).Where(e => e.GetProperty("name").GetString() == "thread_name").Select(e => e.GetProperty("tid").GetInt32());
        Assert.Equal(Spans(document).Select(s => s.Thread).Distinct().Order(), named.Order());
        Assert.Contains("process_name", Events(document).Select(e => e.GetProperty("name").GetString()));
    }

    [Fact]
    public void SpansNestAsTheCallsDid()
    {
        using var document = Traced();
        var spans = Spans(document);
        Assert.Equal(["net", "a", "Gemm", "Add", "outer", "inner"], spans.Select(s => s.Name));
        Assert.Equal(spans.OrderBy(s => s.Start).Select(s => s.Start), spans.Select(s => s.Start));

        // On one thread, two spans are apart or one is inside the other: viewers draw nothing else.
        foreach (var one in spans)
            foreach (var other in spans.Where(s => s.Thread == one.Thread && s.Start >= one.Start && s.Start < one.End))
                Assert.True(other.End <= one.End, $"{other} outlasts {one}");
        foreach (var (inner, outer) in (ReadOnlySpan<(int, int)>)[(1, 0), (2, 1), (3, 0), (4, 0), (5, 4)])
            Assert.True(spans[inner].Start >= spans[outer].Start && spans[inner].End <= spans[outer].End, $"{spans[inner]} in {spans[outer]}");
        Assert.True(spans[3].Start >= spans[1].End, $"{spans[3]} follows {spans[1]}");
    }

    [Fact]
    public void AnOpSaysItsShapeAndWork()
    {
        using var document = Traced();
        var args = Events(document).Single(e => e.GetProperty("name").GetString() == "Gemm").GetProperty("args");
        Assert.Equal("m 4 n 5 k 3", args.GetProperty("shape").GetString());
        Assert.Equal("net.a", args.GetProperty("module").GetString());
        Assert.Equal(120, args.GetProperty("flops").GetDouble());
        Assert.Equal(4 * (12 + 20 + 15), args.GetProperty("bytes").GetDouble());
    }

    private static JsonDocument Traced()
    {
        using var device = new CpuDevice(1);
        using var weight = Gemm.Pack(device, new float[15], 5, []);
        Tensor x = device.AllocateTensor(4, 3), y = device.AllocateTensor(4, 5);
        var trace = new ChromeTrace("test \"quoted\"", deviceTime: true);
        device.Attach(trace);
        using (device.Module("net"))
        {
            using (device.Module("net.a")) Gemm.Forward(device, x, weight, y);
            Elementwise.Add(device, x, x, x);
            using var outer = device.Time("outer", 0, 0, $"");
            using var inner = device.Time("inner", 0, 0, $"");
        }

        x.Buffer.Dispose();
        y.Buffer.Dispose();
        using var file = new MemoryStream();
        trace.Write(file);
        return JsonDocument.Parse(file.ToArray());
    }

    private static IEnumerable<JsonElement> Events(JsonDocument document) =>
        document.RootElement.GetProperty("traceEvents").EnumerateArray();

    private static Span[] Spans(JsonDocument document) =>
    [
        .. Events(document).Where(e => e.GetProperty("ph").GetString() == "X").Select(e => new Span(
            e.GetProperty("name").GetString()!, e.GetProperty("tid").GetInt32(), e.GetProperty("ts").GetDecimal(),
            e.GetProperty("ts").GetDecimal() + e.GetProperty("dur").GetDecimal())),
    ];

    private sealed record Span(string Name, int Thread, decimal Start, decimal End);
}
