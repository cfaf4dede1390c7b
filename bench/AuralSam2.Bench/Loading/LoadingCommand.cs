using System.CommandLine;
using System.Diagnostics;
using AuralSam2.Kernels;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Loading;

/// <summary><c>loading</c>: how fast the largest model is loaded from files, and how much memory a conversion takes.</summary>
internal static class LoadingCommand
{
    public static Command Create()
    {
        var threads = DeviceOption.Threads();
        var rounds = new Option<int>("--rounds") { Description = "loads of each kind, interleaved", DefaultValueFactory = _ => 5 };
        var folder = new Option<string>("--folder")
        {
            Description = "where the files of weights are written (4 GB), and found by a later run",
            DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "auralsam2-loading"),
        };
        var json = new Option<FileInfo?>("--json") { Description = "file that receives the same as JSON" };
        const string what = "times loading the largest model, and measures the memory of a conversion; exit code 1 if a target is missed";
        var command = new Command("loading", what) { threads, rounds, folder, json };
        command.SetAction(parsed =>
        {
            var files = LoadingFiles.In(parsed.GetValue(folder)!);
            files.Warm();
            var conversion = Convert(files); // before the model, whose memory would count
            using var device = new CpuDevice(parsed.GetValue(threads));
            var loads = Load(device, files, parsed.GetValue(rounds));
            var report = new LoadingReport(device.Threads, files.TensorBytes, loads, conversion, Machine.Here());
            report.WriteTable(Console.Out);
            JsonFile.Write(parsed.GetValue(json), report);
            return report.Met ? 0 : 1;
        });
        return command;
    }

    private static ConversionRow Convert(LoadingFiles files)
    {
        var target = files.Sam2 + ".converted.safetensors";
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var isMeasured = ResidentPeak.Restart();
        var start = Stopwatch.GetTimestamp();
        using (var set = WeightSet.Open(files.Sam2))
            SafetensorsWriter.Write(target, null, set.ToSafetensors());
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long? peak = isMeasured ? ResidentPeak.Bytes() : null;
        File.Delete(target);
        return new ConversionRow(new FileInfo(files.Sam2).Length, seconds, peak);
    }

    private static LoadRow[] Load(CpuDevice device, LoadingFiles files, int rounds)
    {
        (string Name, Func<IWeightSource> Open)[] kinds =
        [
            ("one safetensors file", () => SafetensorsFile.Open(files.Safetensors)),
            ("three PyTorch checkpoints", () => WeightSet.Open(files.Checkpoints)),
        ];
        var walls = kinds.Select(_ => new List<double>()).ToArray();
        var cpus = kinds.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            foreach (var (kind, (_, open)) in kinds.Index())
            {
                var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
                using var weights = open();
                using var network = LoadingFiles.Load(device, weights);
                walls[kind].Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                cpus[kind].Add((Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
            }
        }

        return [.. kinds.Select((kind, i) => new LoadRow(kind.Name, Median(walls[i]), walls[i].Min(), Median(cpus[i])))];
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
