using System.Globalization;

namespace AuralSam2.Bench.Startup;

/// <summary>One round, in seconds.</summary>
/// <param name="Devices">The whole process of <c>aural devices</c>.</param>
/// <param name="Startup">From the start of the process of <c>segment</c> to that of its command.</param>
/// <param name="Open">Opening the device, the clip and the file of weights.</param>
/// <param name="Load">Reading and packing weights.</param>
/// <param name="FirstMask">From the start of the process until the first mask is known.</param>
/// <param name="Arithmetic">The same clip on a model that is loaded and has run before.</param>
internal sealed record StartupSample(double Devices, double Startup, double Open, double Load, double FirstMask, double Arithmetic)
{
    /// <summary>What a person waits for the first mask beyond the arithmetic.</summary>
    public double Overhead => FirstMask - Arithmetic;
}

/// <summary>What <c>startup</c> prints: medians of the rounds, in seconds, and the fastest round of what has a target.</summary>
internal sealed record StartupReport(
    string Model, int Threads, string Program, int Rounds, double DevicesS, double DevicesBestS, double DevicesTargetS, double StartupS, double OpenS,
    double LoadS, double FirstMaskS, double ArithmeticS, double OverheadS, double OverheadBestS, double OverheadTargetS, Machine Machine)
{
    private const double DevicesTarget = 0.3;
    private const double OverheadTarget = 1.5;

    /// <summary>Summarises the rounds.</summary>
    public static StartupReport Of(string model, int threads, string program, IReadOnlyList<StartupSample> samples)
    {
        double Median(Func<StartupSample, double> value) => samples.Select(value).Order().ElementAt(samples.Count / 2);
        return new StartupReport(
            model, threads, program, samples.Count, Median(s => s.Devices), samples.Min(s => s.Devices), DevicesTarget, Median(s => s.Startup),
            Median(s => s.Open), Median(s => s.Load), Median(s => s.FirstMask), Median(s => s.Arithmetic), Median(s => s.Overhead),
            samples.Min(s => s.Overhead), OverheadTarget, Machine.Here());
    }

    /// <summary>Writes the table.</summary>
    public void WriteTable(TextWriter output)
    {
        void Line(string what, double seconds, string remark = "") =>
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-28}{seconds,8:F3} s  {remark}").TrimEnd());
        string Target(double best, double target) =>
            string.Create(CultureInfo.InvariantCulture, $"{best:F3} s at best; target: under {target:0.0} s");
        output.WriteLine($"{Program}, model {Model}, {Threads} threads, on {Machine.Cpu} ({Machine.Isa}); medians of {Rounds}");
        Line("devices", DevicesS, Target(DevicesBestS, DevicesTargetS));
        Line("first mask of a clip", FirstMaskS, "from the start of the process; one frame");
        Line("  start of the process", StartupS);
        Line("  opening", OpenS);
        Line("  loading weights", LoadS);
        Line("  the arithmetic itself", ArithmeticS, "the same clip on a model that has run before");
        Line("  all but the arithmetic", OverheadS, Target(OverheadBestS, OverheadTargetS));
    }
}
