using System.CommandLine;
using AuralSam2.Kernels;

namespace AuralSam2.Bench.Parts;

/// <summary><c>parts</c>: trunks, encoder, fuser, decoder, a tracked frame, a clip.</summary>
internal static class PartsCommand
{
    private static readonly string[] Trunks = ["t", "b+", "l"];

    public static Command Create()
    {
        var only = new Option<string?>("--part") { Description = "only parts whose names contain this, for example trunk" };
        var device = DeviceOption.Create();
        var threads = DeviceOption.Threads();
        var budget = new Option<double>("--budget") { Description = "seconds for the rounds of one part", DefaultValueFactory = _ => 2 };
        var quick = new Option<bool>("--quick") { Description = "the fixtures' own small model, few rounds: shows that it works, not how fast" };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        var command = new Command("parts", "times the parts of the model, from the trunks to a whole clip")
        {
            only, device, threads, budget, quick, json,
        };
        command.SetAction(parsed =>
        {
            using var opened = DeviceOption.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var isQuick = parsed.GetValue(quick) || opened is EmulatorDevice;
            var run = new PartsRun(opened, isQuick ? 0 : parsed.GetValue(budget), parsed.GetValue(only) ?? "", parsed.GetValue(json));
            var report = run.Run(isQuick ? ["mini"] : Trunks, isQuick ? "mini" : "t");
            return report.Parts.All(p => p.Error is null) ? 0 : 1;
        });
        return command;
    }

    /// <summary>Times everything; what fails is a row like any other.</summary>
    private sealed class PartsRun(Device device, double budget, string only, FileInfo? json)
    {
        private readonly Roofline roofline = Roofline.Measure(device);
        private readonly List<PartRow> rows = [];

        public PartsReport Run(string[] trunks, string model)
        {
            Console.WriteLine($"{device.Name}: {roofline}; medians");
            Console.WriteLine(PartRow.Header);
            foreach (var trunk in trunks.Where(t => IsWanted($"trunk {t}")))
            {
                Try($"trunk {trunk}", () =>
                {
                    using var encoder = new EncoderParts(device, trunk);
                    Add(encoder.Trunk.Measure(device, budget, roofline) with { Result = encoder.Mark() });
                });
            }

            // A trunk alone needs no model.
            if (!only.StartsWith("trunk", StringComparison.OrdinalIgnoreCase)) RunModel(model);
            return Write(roofline.Or(Roofline.Measure(device)));
        }

        private void RunModel(string name)
        {
            Try($"model {name}", () =>
            {
                using var parts = new ModelParts(device, name);
                foreach (var part in parts.All(IsWanted)) Try(part.Name, () => Add(part.Measure(device, budget, roofline)));
            });
        }

        private bool IsWanted(string name) => name.Contains(only, StringComparison.OrdinalIgnoreCase);

        private void Add(PartRow row)
        {
            rows.Add(row);
            Console.WriteLine(row);
            Write(roofline); // should time run out, what there is remains
        }

        private PartsReport Write(Roofline limits)
        {
            var report = new PartsReport(device.Name, limits, Machine.Here(), rows);
            JsonFile.Write(json, report);
            return report;
        }

        private void Try(string name, Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                Add(new PartRow(name) { Error = error is NotSupportedException ? error.Message : $"{error.GetType().Name}: {error.Message}" });
            }
        }
    }
}
