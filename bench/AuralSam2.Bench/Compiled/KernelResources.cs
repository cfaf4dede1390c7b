using System.Globalization;
using System.Text.RegularExpressions;
using AuralSam2.Kernels.Simt;

namespace AuralSam2.Bench.Compiled;

/// <summary>What one thread and one group of a compiled kernel occupy, as ptxas counts it.</summary>
/// <param name="Kernel">Name of the kernel.</param>
/// <param name="Architecture">For example <c>sm_90</c>.</param>
/// <param name="Threads">Threads of a group.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="SharedBytes">Shared memory of a group: declared, and the most that a launch may ask for.</param>
/// <param name="StackBytes">Stack frame of a thread, in slow local memory.</param>
/// <param name="SpillStoreBytes">What a thread stores because it ran out of registers.</param>
/// <param name="SpillLoadBytes">What it loads back.</param>
internal sealed partial record KernelResources(
    string Kernel, string Architecture, int Threads, int Registers, int SharedBytes, int StackBytes, int SpillStoreBytes, int SpillLoadBytes)
{
    /// <summary>Compiles and assembles a kernel.</summary>
    /// <param name="tools">The assembler.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="architecture">A name from <see cref="PtxCompiler.Architectures"/>.</param>
    /// <param name="cubin">Receives the machine code.</param>
    /// <exception cref="InvalidOperationException">ptxas refuses the kernel.</exception>
    public static KernelResources Measure(CudaTools tools, GpuKernel kernel, string architecture, string cubin) =>
        Parse(
            kernel, architecture,
            tools.Assemble(PtxCompiler.Compile(kernel, PtxCompiler.Architectures[architecture]), architecture, cubin));

    /// <summary>Reads what <c>ptxas -v</c> said. Functions that a kernel calls count with it.</summary>
    internal static KernelResources Parse(GpuKernel kernel, string architecture, string report)
    {
        int Sum(string group, Regex pattern) =>
            pattern.Matches(report).Sum(m => int.TryParse(m.Groups[group].Value, CultureInfo.InvariantCulture, out var value) ? value : 0);
        var registers = Sum("registers", Usage());
        if (registers == 0) throw new InvalidOperationException($"ptxas says nothing about the registers of {kernel}:\n{report}");
        return new KernelResources(
            kernel.Name, architecture, kernel.GroupSize, registers, Sum("shared", Usage()) + (kernel.MaxSharedFloats * sizeof(float)),
            Sum("stack", Frame()), Sum("stores", Frame()), Sum("loads", Frame()));
    }

    [GeneratedRegex(@"Used (?<registers>\d+) registers(.*?, (?<shared>\d+)(\+\d+)? bytes smem)?")]
    private static partial Regex Usage();

    [GeneratedRegex(@"(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads")]
    private static partial Regex Frame();
}
