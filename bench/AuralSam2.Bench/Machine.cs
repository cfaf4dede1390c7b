using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using AuralSam2.Kernels;

namespace AuralSam2.Bench;

/// <summary>Where a measurement was taken.</summary>
/// <param name="Cpu">The processor's name for itself.</param>
/// <param name="Isa">Widest instruction set of this engine's kernels.</param>
/// <param name="Processors">Processors that this process may use.</param>
/// <param name="Os">Operating system.</param>
internal sealed record Machine(string Cpu, string Isa, int Processors, string Os)
{
    /// <summary>Name of the folder of its results, for example <c>amd-epyc-2-cores</c>.</summary>
    [JsonIgnore]
    public string Slug => $"{string.Join('-', Cpu.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(word => string.Concat(word.Where(char.IsAsciiLetterOrDigit))).Where(word => word.Length > 0))}-{Processors}-cores";

    /// <summary>This machine.</summary>
    public static Machine Here() => new(CpuName(), CpuIsas.Widest.Title(), Environment.ProcessorCount, RuntimeInformation.OSDescription);

    private static string CpuName()
    {
        const string list = "/proc/cpuinfo";
        var line = File.Exists(list) ? File.ReadLines(list).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
