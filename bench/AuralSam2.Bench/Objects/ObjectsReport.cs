using System.Globalization;

namespace AuralSam2.Bench.Objects;

/// <summary>What <c>objects</c> prints: medians of the rounds, in seconds of a frame, and the ratios.</summary>
internal sealed record ObjectsReport(
    string Model, string Device, int Rounds, int Objects, double OneObjectS, double ManyObjectsS, double ObjectsRatio, double? ObjectsTarget,
    int Window, double PromptS, double PromptWithSoundS, double SoundRatio, double PublishedSoundRatio, Machine Machine)
{
    /// <summary>The paper's Table 6: 17.8 frames per second with a point, 14.1 with point and sound.</summary>
    private const double PaperRatio = 17.8 / 14.1;

    /// <summary>Summarises the rounds.</summary>
    public static ObjectsReport Of(
        string model, string device, int objects, int window, List<double> one, List<double> many, List<double> silent, List<double> heard)
    {
        static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
        double? target = (model, objects) switch
        {
            ("l", 16) => 4.5,
            ("t", 16) => 11,
            _ => null,
        };
        return new ObjectsReport(
            model, device, one.Count, objects, Median(one), Median(many), Median(one.Zip(many, (a, b) => b / a)), target,
            window, Median(silent), Median(heard), Median(silent.Zip(heard, (a, b) => b / a)), Math.Round(PaperRatio, 3), Machine.Here());
    }

    /// <summary>Writes the table.</summary>
    public void WriteTable(TextWriter output)
    {
        void Line(string what, double value, string unit, string remark = "") =>
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-34}{value,8:F3} {unit}  {remark}").TrimEnd());
        output.WriteLine($"model {Model}, {Device}, on {Machine.Cpu} ({Machine.Isa}); medians of {Rounds}");
        Line("tracked frame, 1 object", OneObjectS, "s", "7 memories, 16 pointers; picture to mask");
        Line($"tracked frame, {Objects} objects", ManyObjectsS, "s");
        Line("  over one", ObjectsRatio, "x", ObjectsTarget is { } target ? string.Create(CultureInfo.InvariantCulture, $"target: under {target:0.0}") : "");
        Line("prompted frame", PromptS, "s", $"one point, no memory; windows of {Window} frames");
        Line("prompted frame with sound", PromptWithSoundS, "s", "VGGish and AuralFuser included");
        Line("  over without", SoundRatio, "x", string.Create(CultureInfo.InvariantCulture, $"the paper's: {PublishedSoundRatio:0.00}"));
    }
}
