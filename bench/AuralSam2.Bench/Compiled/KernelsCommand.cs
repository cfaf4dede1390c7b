using System.CommandLine;
using System.Globalization;
using AuralSam2.Kernels.Simt;

namespace AuralSam2.Bench.Compiled;

/// <summary><c>kernels</c>: what the GPU kernels become, for people who tune them. Needs ptxas, and no GPU.</summary>
internal static class KernelsCommand
{
    public static Command Create()
    {
        var name = new Option<string?>("--kernel") { Description = "only kernels whose names contain this" };
        var architecture = new Option<string>("--arch") { Description = "architecture", DefaultValueFactory = _ => "sm_90" }
            .AcceptOnlyFromAmong([.. PtxCompiler.Architectures.Keys]);
        var keep = new Option<DirectoryInfo?>("--keep") { Description = "folder that receives .ptx, .cubin and .sass of every kernel" };
        var command = new Command("kernels", "compiles every GPU kernel with ptxas and prints registers, occupancy and instructions as Markdown")
        {
            name, architecture, keep,
        };
        command.SetAction(parsed => Run(parsed.GetValue(name), parsed.GetValue(architecture)!, parsed.GetValue(keep)));
        return command;
    }

    private static void Run(string? name, string architecture, DirectoryInfo? keep)
    {
        var tools = CudaTools.Find() ?? throw new InvalidOperationException(CudaTools.NotFound);
        var folder = keep?.FullName ?? Directory.CreateTempSubdirectory("aural-kernels-").FullName;
        Directory.CreateDirectory(folder);
        try
        {
            Console.WriteLine($"""
                ptxas {tools.Release}, {architecture}. Groups and occupancy: what one multiprocessor of an H100 or H200 holds at once.
                Instructions are counted in the code, not as they run; widths are of the widest access, in bits. Inner loop: the one with the
                most FFMA, how many of its instructions they are, and its loads.

                """);
            Console.WriteLine(
                "| kernel | threads | registers | shared bytes | groups | occupancy | limit | instructions | FFMA | LDS | STS | LDG | STG | BAR " +
                "| shared width | global width | inner loop | LDS | LDG |");
            Console.WriteLine("|---|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
            var kernels = GpuKernel.All.Where(k => name is null || k.Name.Contains(name, StringComparison.OrdinalIgnoreCase));
            foreach (var kernel in kernels.OrderBy(k => k.Name, StringComparer.Ordinal))
                Console.WriteLine(Row(tools, kernel, architecture, Path.Combine(folder, $"{kernel.Name}.{architecture}.cubin")));
        }
        finally
        {
            if (keep is null) Directory.Delete(folder, recursive: true);
        }
    }

    private static string Row(CudaTools tools, GpuKernel kernel, string architecture, string cubin)
    {
        var used = KernelResources.Measure(tools, kernel, architecture, cubin);
        var occupancy = Occupancy.Of(used.Threads, used.Registers, used.SharedBytes);
        var row = string.Create(
            CultureInfo.InvariantCulture,
            $"| {kernel} | {used.Threads} | {used.Registers} | {used.SharedBytes} | {occupancy.Groups} | {100 * occupancy.Share:0} % ") +
            $"| {occupancy.Limit} |";
        if (tools.Cuobjdump is null) return row + string.Concat(Enumerable.Repeat(" |", 12));
        var sass = tools.Disassemble(cubin);
        File.WriteAllText(Path.ChangeExtension(cubin, ".sass"), sass);
        var mix = InstructionMix.Of(sass);
        var loop = mix.InnerLoop is { } inner ? $"{inner.MultiplyAdds} of {inner.Total} | {inner.SharedLoads} | {inner.GlobalLoads}" : "| |";
        return $"{row} {mix.Total} | {mix.MultiplyAdds} | {mix.SharedLoads} | {mix.SharedStores} | {mix.GlobalLoads} | {mix.GlobalStores} " +
            $"| {mix.Barriers} | {Bits(mix.WidestShared)} | {Bits(mix.WidestGlobal)} | {loop} |";

        static string Bits(int width) => width == 0 ? "" : $"{width}";
    }
}
