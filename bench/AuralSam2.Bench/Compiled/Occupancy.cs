namespace AuralSam2.Bench.Compiled;

/// <summary>
/// How many groups of a kernel a multiprocessor of an H100 or H200 can hold at once, by the allocation rules of the CUDA C++ Programming Guide
/// for compute capability 9.0.
/// </summary>
/// <param name="Groups">Groups that a multiprocessor holds.</param>
/// <param name="Threads">Their threads.</param>
/// <param name="Limit">What there is no more of: <c>registers</c>, <c>shared</c>, <c>threads</c> or <c>groups</c>.</param>
internal sealed record Occupancy(int Groups, int Threads, string Limit)
{
    private const int MostThreads = 2048;
    private const int MostGroups = 32;
    private const int Warp = 32;
    private const int RegisterFile = 65536;
    private const int RegisterUnit = 256; // registers are handed to warps in units of this
    private const int Schedulers = 4; // each with a quarter of the registers
    private const int SharedBytes = 228 * 1024;
    private const int SharedOfSystem = 1024; // of every group
    private const int SharedUnit = 128;

    /// <summary>Share of the threads that the multiprocessor could hold.</summary>
    public double Share => (double)Threads / MostThreads;

    /// <summary>The occupancy of a kernel.</summary>
    /// <param name="threads">Threads of a group.</param>
    /// <param name="registers">Registers of a thread.</param>
    /// <param name="sharedBytes">Shared memory of a group.</param>
    public static Occupancy Of(int threads, int registers, int sharedBytes)
    {
        var warps = (threads + Warp - 1) / Warp;
        var warpRegisters = RoundUp(registers * Warp, RegisterUnit);
        var warpsByRegisters = RegisterFile / Schedulers / warpRegisters * Schedulers;
        var groups = new[]
        {
            (Count: warpsByRegisters / warps, Limit: "registers"),
            (Count: SharedBytes / RoundUp(sharedBytes + SharedOfSystem, SharedUnit), Limit: "shared"),
            (Count: MostThreads / (warps * Warp), Limit: "threads"),
            (Count: MostGroups, Limit: "groups"),
        };
        // Where several are exhausted at once, the harder one to change is named.
        var (count, limit) = groups.Reverse().MinBy(g => g.Count);
        return new Occupancy(count, count * threads, limit);
    }

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
