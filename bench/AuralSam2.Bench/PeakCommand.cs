using System.CommandLine;
using System.Globalization;
using AuralSam2.Kernels;

namespace AuralSam2.Bench;

/// <summary><c>peak</c>: the limits that every other figure is compared with.</summary>
internal static class PeakCommand
{
    public static Command Create()
    {
        var command = new Command("peak", "measures multiply-adds per second for each instruction set, and memory bandwidth");
        command.SetAction(_ =>
        {
            int[] threadCounts = [.. new[] { 1, Environment.ProcessorCount }.Distinct()];
            foreach (var threads in threadCounts)
            {
                foreach (var isa in CpuIsas.Available)
                    Print(threads, isa.Title(), $"{CpuPeak.FmaGflops(threads, isa),8:F1} GFLOP/s");
                var (read, copy) = CpuPeak.MemoryBandwidth(threads);
                Print(threads, "read", $"{read,8:F1} GB/s");
                Print(threads, "copy", $"{copy,8:F1} GB/s");
            }
        });
        return command;
    }

    private static void Print(int threads, string what, FormattableString value) =>
        Console.WriteLine($"{threads,3} thread{(threads == 1 ? " " : "s")}  {what,-8}{value.ToString(CultureInfo.InvariantCulture)}");
}
