using System.CommandLine;
using AuralSam2.Kernels;

namespace AuralSam2.Cli;

/// <summary>Options that several verbs share.</summary>
internal static class SharedOptions
{
    private const int MostThreads = 1024;

    public static Option<int> Threads() =>
        new("--threads")
        {
            Description = "Threads of the processor that share the work; 0 takes one per processor. Results do not depend on it.",
            HelpName = "N",
        };

    public static Option<string> Device()
    {
        var option = new Option<string>("--device")
        {
            Description = "What computes; aural devices lists it. auto takes a CUDA GPU if one can be used, else the processor, and says so.",
            HelpName = "auto|cpu|cuda[:N]|opencl[:N]|emulator[:N]",
            DefaultValueFactory = _ => "auto",
        };
        option.Validators.Add(result =>
        {
            try
            {
                DeviceChoice.Parse(result.GetValueOrDefault<string>());
            }
            catch (FormatException error)
            {
                result.AddError(error.Message);
            }
        });
        return option;
    }

    public static Option<bool> Json() => new("--json") { Description = "Print exactly one JSON document on standard output." };

    /// <summary>What <c>--weights</c> says: files, or the seed of the rule that makes untrained ones.</summary>
    /// <param name="given">Its values.</param>
    /// <param name="byDefault">Seed where nothing is given; null demands something.</param>
    /// <exception cref="UsageException">Nothing is given, or both.</exception>
    public static (IReadOnlyList<string> Files, string? Seed) WeightsOf(string[] given, string? byDefault)
    {
        if (given.Length == 0)
            return ([], byDefault ?? throw new UsageException("which weights? Give --weights FILE... for a trained model, or --weights rule for untrained ones"));
        if (!given.Any(IsRule)) return (given, null);
        if (given.Length > 1) throw new UsageException("--weights rule stands alone: it makes every weight");
        return ([], given[0] == "rule" ? "" : given[0]["rule:".Length..]);
    }

    private static bool IsRule(string weights) => weights == "rule" || weights.StartsWith("rule:", StringComparison.Ordinal);

    /// <exception cref="UsageException">Out of range.</exception>
    public static int ThreadsOf(ParseResult parsed, Option<int> option) => parsed.GetValue(option) switch
    {
        < 0 or > MostThreads => throw new UsageException($"--threads wants 0 .. {MostThreads}"),
        var threads => threads,
    };
}
