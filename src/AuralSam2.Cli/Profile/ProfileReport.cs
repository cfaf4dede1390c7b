using AuralSam2.Kernels;

namespace AuralSam2.Cli;

/// <summary>A verb's run, op by op.</summary>
/// <param name="Verb">What ran.</param>
/// <param name="Device">On what.</param>
/// <param name="Limits">What that can do at the most, measured in the same run.</param>
/// <param name="WallSeconds">How long the verb took, the measuring of limits aside.</param>
/// <param name="Grouping">What a group has in common.</param>
/// <param name="Groups">All of them, the most expensive first.</param>
internal sealed record ProfileReport(
    string Verb, string Device, Roofline Limits, double WallSeconds, OpGrouping Grouping, IReadOnlyList<OpGroup> Groups)
{
    /// <summary>Seconds in ops; the rest of the wall time is the host's: files, pictures, weights.</summary>
    public double OpSeconds { get; } = Groups.Sum(g => g.Seconds);

    /// <summary>What runs outside of all modules, as a person reads it.</summary>
    public static string NameOf(string module) => module.Length > 0 ? module : "(between modules)";

    /// <summary>Part of the ops' time: 0 to 1.</summary>
    public double ShareOf(OpGroup group) => group.Seconds / OpSeconds;
}
