using System.Globalization;

namespace AuralSam2.Bench.Loading;

/// <summary>What <c>loading</c> measured.</summary>
/// <param name="Threads">Threads of the device.</param>
/// <param name="TensorBytes">Bytes of all weights as float32.</param>
/// <param name="Loads">Into a model, from each kind of file.</param>
/// <param name="Conversion">Of one checkpoint.</param>
/// <param name="Machine">Where.</param>
internal sealed record LoadingReport(int Threads, long TensorBytes, IReadOnlyList<LoadRow> Loads, ConversionRow Conversion, Machine Machine)
{
    /// <summary>Whether every target that could be measured is met.</summary>
    public bool Met => Loads.All(load => load.Met) && Conversion.Met != false;

    /// <summary>A table for people.</summary>
    public void WriteTable(TextWriter output)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"SAM2 l + VGGish + AuralFuser, {TensorBytes / 1e9:F2} GB, from the page cache into a model on {Threads} threads; " +
            $"{Machine.Cpu} ({Machine.Isa})"));
        output.WriteLine($"{"",-28}{"median s",10}{"best s",10}{"CPU s",10}{"GB/s",10}");
        foreach (var load in Loads)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{load.Name,-28}{load.Seconds,10:F2}{load.BestSeconds,10:F2}{load.CpuSeconds,10:F2}" +
                $"{TensorBytes / 1e9 / load.Seconds,10:F2}  {Verdict(load.Met)} (target {LoadRow.TargetSeconds:F1} s)"));
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"converting {Conversion.Bytes / 1e6:F0} MB took {Conversion.Seconds:F1} s; peak resident memory, " +
            $"runtime and mapped pages included: {Conversion.PeakBytes / 1e6:F0} MB  {Verdict(Conversion.Met)} " +
            $"(target {ConversionRow.TargetBytes / 1e6:F0} MB)"));
    }

    private static string Verdict(bool? met) => met switch { true => "met", false => "MISSED", null => "not measured here" };
}

/// <summary>Loading one kind of file.</summary>
/// <param name="Name">What was loaded.</param>
/// <param name="Seconds">Wall time, median.</param>
/// <param name="BestSeconds">Wall time of the fastest round.</param>
/// <param name="CpuSeconds">Time on processors, all threads, user and system, median.</param>
internal sealed record LoadRow(string Name, double Seconds, double BestSeconds, double CpuSeconds)
{
    /// <summary>On two cores.</summary>
    public const double TargetSeconds = 2.5;

    /// <summary>Whether the median is below the target.</summary>
    public bool Met => Seconds < TargetSeconds;
}

/// <summary>Converting one checkpoint to safetensors.</summary>
/// <param name="Bytes">Size of the checkpoint.</param>
/// <param name="Seconds">Wall time.</param>
/// <param name="PeakBytes">Peak of all resident memory, mapped pages included; null where it was not measured.</param>
internal sealed record ConversionRow(long Bytes, double Seconds, long? PeakBytes)
{
    /// <summary>Allowed above what is mapped. The peak is compared as a whole: stricter, and it shows that no page is kept.</summary>
    public const long TargetBytes = 300_000_000;

    /// <summary>Whether the target is met; null where the peak was not measured.</summary>
    public bool? Met => PeakBytes is { } peak ? peak < TargetBytes : null;
}
