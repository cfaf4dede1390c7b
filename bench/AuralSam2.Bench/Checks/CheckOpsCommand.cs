using System.CommandLine;
using AuralSam2.Bench.Ops;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Checks;

/// <summary>
/// <c>check-ops</c>: the whole registry on a device. Small cases against the float64 reference and the processor, again and again for the same
/// bits; the model's own shapes, whose reference would take minutes, against the processor.
/// </summary>
internal static class CheckOpsCommand
{
    public static Command Create()
    {
        var op = new Option<string?>("--op") { Description = "only this op" };
        var device = DeviceOption.Create();
        var repeats = new Option<int>("--repeats") { Description = "runs of a case that must give the same bits", DefaultValueFactory = _ => 5 };
        var quick = new Option<bool>("--quick") { Description = "the registry's tiny cases only" };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        var command = new Command("check-ops", "checks every op of the registry on a device; exit code 1 when one is wrong")
        {
            op, device, repeats, quick, json,
        };
        command.SetAction(parsed =>
        {
            using var check = new OpCheck(() => DeviceOption.Open(parsed.GetValue(device)!), parsed.GetValue(repeats));
            var cases = OpRegistry.Cases.Where(c => (c.Tiny || !parsed.GetValue(quick)) && check.CanAfford(c) && c.Matches(parsed.GetValue(op)));
            var report = Run(check, [.. cases.OrderBy(c => c.Real)], parsed.GetValue(json));
            return report.Failed == 0 ? 0 : 1;
        });
        return command;
    }

    private static ChecksReport Run(OpCheck check, OpCase[] cases, FileInfo? json)
    {
        Console.WriteLine($"{check.DeviceName}: {cases.Length} cases");
        var rows = new List<CheckRow>();
        var report = new ChecksReport(check.DeviceName, rows);
        foreach (var c in cases)
        {
            // Told before it runs: should it never end, the last line says which it was.
            Console.Error.WriteLine($"{rows.Count + 1}/{cases.Length} {c}");
            rows.Add(check.Run(c));
            if (rows[^1].Verdict == CheckVerdict.Failed) Console.WriteLine($"FAILED {c}: {rows[^1].Message}");
            JsonFile.Write(json, report); // should time run out, what there is remains
        }

        Console.WriteLine($"{report.Passed} passed, {report.Failed} failed, {report.NoKernel} without a kernel on this device");
        foreach (var ops in rows.Where(r => r.Verdict == CheckVerdict.NoKernel).GroupBy(r => r.Op)) Console.WriteLine($"  no kernel: {ops.Key}");
        return report;
    }
}
