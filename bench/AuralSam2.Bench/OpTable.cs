using System.Globalization;
using AuralSam2.Kernels;

namespace AuralSam2.Bench;

/// <summary>Where the time of a run goes, op by op.</summary>
internal static class OpTable
{
    /// <summary>Runs once with the clock of every op on, and lists the ops.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="once">Runs, and returns the seconds that it took.</param>
    /// <param name="grouping">What a line stands for.</param>
    public static void Write(Device device, Func<double> once, OpGrouping grouping = OpGrouping.Op)
    {
        var profile = new OpProfile();
        device.Attach(profile);
        var total = once();
        device.Detach(profile);
        var ops = profile.By(grouping);
        var width = Math.Max(20, ops.Max(op => op.Title.Length + 2));
        Console.WriteLine();
        Console.WriteLine($"{"op".PadRight(width)}  calls        ms   share    GFLOP/s      GB/s");
        foreach (var op in ops)
        {
            Console.WriteLine(op.Title.PadRight(width) + string.Create(
                CultureInfo.InvariantCulture,
                $"{op.Calls,7}{1e3 * op.Seconds,10:F1}{op.Seconds / total,8:P1}{op.Gflops,11:F1}{op.GigabytesPerSecond,10:F1}"));
        }

        var inOps = ops.Sum(op => op.Seconds);
        Console.WriteLine("outside ops".PadRight(width + 7) + string.Create(
            CultureInfo.InvariantCulture, $"{1e3 * (total - inOps),10:F1}{(total - inOps) / total,8:P1}"));
    }
}
