using System.CommandLine;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;

namespace AuralSam2.Bench.Ops;

/// <summary><c>ops</c>: every op of the registry at the shapes that the model really uses at 1024 x 1024.</summary>
internal static class OpsCommand
{
    public static Command Create()
    {
        var op = new Option<string?>("--op") { Description = "only this op" };
        var device = DeviceOption.Create();
        var threads = DeviceOption.Threads();
        var budget = new Option<double>("--budget") { Description = "seconds for the rounds of one case", DefaultValueFactory = _ => 0.3 };
        var quick = new Option<bool>("--quick") { Description = "the registry's tiny cases, a few rounds: shows that it works, not how fast" };
        var gradients = new Option<bool>("--gradients") { Description = "times the gradients of the ops instead" };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        var command = new Command("ops", "times every op at the shapes of the real model, against what the device can do at best")
        {
            op, device, threads, budget, quick, gradients, json,
        };
        command.SetAction(parsed =>
        {
            using var opened = DeviceOption.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var isQuick = parsed.GetValue(quick) || opened is EmulatorDevice;
            var cases = OpRegistry.Cases.Where(c => (isQuick ? c.Tiny : c.Real) && c.Matches(parsed.GetValue(op)));
            var report = Run(opened, [.. cases], isQuick ? 0 : parsed.GetValue(budget), isQuick, parsed.GetValue(gradients), parsed.GetValue(json));
            return report.Cases.All(row => row.Error is null or OpRow.NoKernel) ? 0 : 1;
        });
        return command;
    }

    /// <summary>Whether a case is of the op that was asked for; null asks for all.</summary>
    public static bool Matches(this OpCase c, string? op) => op is null || c.Op.Equals(op, StringComparison.OrdinalIgnoreCase);

    private static OpsReport Run(Device device, OpCase[] cases, double budget, bool quick, bool gradients, FileInfo? json)
    {
        var roofline = Roofline.Measure(device);
        var timer = new OpTimer(device, budget);
        var gradientTimer = new GradientTimer(device, budget);
        var rows = new List<OpRow>();
        var report = new OpsReport(device.Name, roofline, Machine.Here(), rows) { Quick = quick };
        Console.WriteLine($"{device.Name}: {roofline}; medians");
        Console.WriteLine(OpRow.Header);
        foreach (var c in cases)
        {
            try
            {
                var (time, timed) = gradients ? gradientTimer.Measure(c) : (timer.Measure(c), c);
                rows.Add(OpRow.Of(timed, time, roofline));
            }
            catch (Exception error)
            {
                rows.Add(OpRow.Of(c, error)); // the other rows are worth having all the same
            }

            Console.WriteLine(rows[^1]);
            JsonFile.Write(json, report); // should time run out, what there is remains
        }

        report = report with { Roofline = roofline.Or(Roofline.Measure(device)) };
        Console.WriteLine($"afterwards: {report.Roofline}");
        JsonFile.Write(json, report);
        return report;
    }
}
