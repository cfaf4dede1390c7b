using System.CommandLine;
using System.Globalization;
using AuralSam2.Bench;
using AuralSam2.Kernels;
using AuralSam2.Ladder;

// For the rounds of one rung.
const double Seconds = 1.5;
const double QuickSeconds = 0.1;

var name = new Option<string?>("--ladder") { Description = "only this one" };
name.AcceptOnlyFromAmong([.. KernelLadder.All.Select(l => l.Name)]);
var threads = DeviceOption.Threads();
var isa = new Option<CpuIsa?>("--isa") { Description = "instruction set; the widest of this processor" };
var shape = new Option<string?>("--shape") { Description = "shape to time, for example 1024x768x2304; needs --ladder" };
var quick = new Option<bool>("--quick") { Description = "small shapes and few rounds: shows that it works" };
var json = new Option<FileInfo?>("--json") { Description = "file that receives the measurements as JSON" };
var markdown = new Option<FileInfo?>("--markdown") { Description = "file that receives them as Markdown" };
var record = new Option<bool>("--record") { Description = "writes both to bench/results/<machine>/, from the root of the repository" };
var root = new RootCommand("The kernels that matter, from the definition to what the engine runs, step by step.")
{
    name, threads, isa, shape, quick, json, markdown, record,
};
root.Validators.Add(result =>
{
    if (result.GetValue(record) && (result.GetValue(quick) || result.GetValue(name) is not null))
        result.AddError("--record takes all ladders, and not --quick");
    if (result.GetValue(shape) is null) return;
    if (result.GetValue(name) is null) result.AddError("--shape needs --ladder");
    else if (ShapeOf(result.GetValue(shape)!) is null) result.AddError("--shape takes three positive numbers, for example 1024x768x2304");
});
root.SetAction(parsed =>
{
    using var device = new CpuDevice(parsed.GetValue(threads), parsed.GetValue(isa));
    var isQuick = parsed.GetValue(quick);
    var run = new LadderRun(device, isQuick ? QuickSeconds : Seconds);
    var machine = Machine.Here();
    var reports = new List<LadderReport>();
    foreach (var ladder in KernelLadder.All.Where(l => parsed.GetValue(name) is not { } only || l.Name == only))
    {
        var timed = parsed.GetValue(shape) is { } text ? ShapeOf(text)! : isQuick ? ladder.QuickShape : ladder.Shape;
        reports.Add(run.Measure(ladder, timed) with { Quick = isQuick });
        reports[^1].Write(Console.Out);
    }

    var report = new LaddersReport(machine, reports);
    JsonFile.Write(parsed.GetValue(json), report);
    WriteMarkdown(parsed.GetValue(markdown), report);
    var failures = reports.SelectMany(r => r.Failures).ToList();
    foreach (var failure in failures) Console.Error.WriteLine($"error: {failure}");
    if (failures.Count > 0) return 1;
    if (parsed.GetValue(record))
    {
        var folder = Directory.CreateDirectory(Path.Combine("bench", "results", machine.Slug)).FullName;
        JsonFile.Write(new FileInfo(Path.Combine(folder, "ladder.json")), report);
        WriteMarkdown(new FileInfo(Path.Combine(folder, "ladder.md")), report);
        Console.WriteLine($"recorded in {folder}");
    }

    return 0;
});

var invocation = root.Parse(args);
if (invocation.Errors.Count > 0)
{
    invocation.Invoke();
    return 2;
}

try
{
    return invocation.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is PlatformNotSupportedException or ArgumentException or IOException)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}

static int[]? ShapeOf(string text)
{
    var parts = text.Split('x');
    var numbers = parts.Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0).ToArray();
    return numbers.Length == 3 && numbers.All(n => n > 0) ? numbers : null;
}

static void WriteMarkdown(FileInfo? file, LaddersReport report)
{
    if (file is not null) File.WriteAllText(file.FullName, report.ToMarkdown());
}
