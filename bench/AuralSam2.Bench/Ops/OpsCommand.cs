using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AuralSam2.Kernels;
using AuralSam2.Kernels.Registry;
using AuralSam2.Weights;

namespace AuralSam2.Bench.Ops;

/// <summary><c>ops</c>: every op of the registry at the shapes that the model really uses at 1024 x 1024.</summary>
internal static class OpsCommand
{
    private const int LeastRuns = 3;
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(0.3);

    public static Command Create()
    {
        var op = new Option<string?>("--op") { Description = "only this op" };
        var threads = new Option<int>("--threads") { Description = "threads", DefaultValueFactory = _ => Environment.ProcessorCount };
        var command = new Command("ops", "times every op at the shapes of the real model: milliseconds, GFLOP/s, GB/s, share of the FMA peak") { op, threads };
        command.SetAction(parsed => Run(parsed.GetValue(op), parsed.GetValue(threads)));
        return command;
    }

    private static void Run(string? only, int threads)
    {
        using var device = new CpuDevice(threads);
        var peak = CpuPeak.FmaGflops(threads);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{device.Name}, FMA peak {peak:F0} GFLOP/s; medians"));
        Console.WriteLine($"{"op",-18}{"case",-58}{"ms",9}{"GFLOP/s",10}{"GB/s",8}{"of peak",9}");
        foreach (var c in OpRegistry.Cases.Where(c => c.Real && (only is null || c.Op.Equals(only, StringComparison.OrdinalIgnoreCase))))
        {
            var seconds = Median(device, c);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{c.Op,-18}{c.Label,-58}{1e3 * seconds,9:F3}{c.Flops / seconds / 1e9,10:F1}{c.Bytes / seconds / 1e9,8:F1}{c.Flops / seconds / 1e9 / peak,9:P0}"));
        }
    }

    private static double Median(CpuDevice device, OpCase c)
    {
        Tensor[] operands = [.. c.Operands.Select(o => Allocate(device, o))];
        try
        {
            using var call = c.Bind(device, operands);
            call.Run();
            var times = new List<double>();
            for (var begin = Stopwatch.GetTimestamp(); times.Count < LeastRuns || Stopwatch.GetElapsedTime(begin) < Budget;)
            {
                var start = Stopwatch.GetTimestamp();
                call.Run();
                times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            times.Sort();
            return times[times.Count / 2];
        }
        finally
        {
            foreach (var operand in operands) operand.Buffer.Dispose();
        }
    }

    private static Tensor Allocate(CpuDevice device, Operand operand)
    {
        var shape = new Shape(operand.Shape);
        int[] wide = [.. operand.Shape[..^1], shape.Columns + operand.RowGap];
        var tensor = device.AllocateTensor(wide).SliceColumns(0, shape.Columns);
        var values = new float[shape.Length];
        RuleTensor.Fill("", operand.Name, operand.Offset, operand.Scale, values);
        device.Upload(values, tensor);
        return tensor;
    }
}
