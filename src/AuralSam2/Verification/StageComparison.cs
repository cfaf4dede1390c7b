using AuralSam2.Kernels;
using AuralSam2.Models;

namespace AuralSam2.Verification;

/// <summary>Holds every value that a run shows against the value that a fixture stores.</summary>
internal sealed class StageComparison(Fixture fixture, Device device, double budget)
{
    /// <summary>A sample of a stored tensor is <c>flat[(j * 1000003) % n]</c>.</summary>
    private const long SampleStep = 1000003;

    /// <summary>A pixel that falls the other way moves a memory by a few percent of its range; more than this is another mistake.</summary>
    private const double LargestExcusedError = 0.1;

    private readonly Dictionary<string, StageResult> results = [];
    private readonly HashSet<string> stages = [.. fixture.Stages];

    /// <summary>The file that is compared against.</summary>
    public Fixture Fixture => fixture;

    /// <summary>Error allowed from now on, relative to a tensor's largest magnitude.</summary>
    public double Budget { get; set; } = budget;

    /// <summary>
    /// Set while what is compared was rounded to bfloat16 on both sides: a value that lies between two of its steps may have gone to
    /// either, so that
    /// one step is no error.
    /// </summary>
    public bool IsRoundedToBFloat16 { get; set; }

    /// <summary>Set while everything that runs lies downstream of a mask pixel that is too close to zero.</summary>
    public bool DownstreamOfUndecided { get; set; }

    /// <summary>Mask pixels too close to zero, over all masks.</summary>
    public long UndecidedPixels { get; set; }

    /// <summary>True when the fixture stores the stage.</summary>
    public bool Stores(string stage) => stages.Contains(stage);

    /// <summary>An observer that compares what it sees.</summary>
    /// <param name="prefix">Put before every name.</param>
    public StageObserver Observer(string prefix = "") => (stage, value, layout, edge) =>
    {
        if (!Stores(prefix + stage)) return;
        var values = new float[value.Length];
        device.Download(value, values);
        Compare(prefix + stage, values, layout, value.Shape, edge);
    };

    /// <summary>Compares values that lie in the fixture's own order.</summary>
    public void Compare(string stage, ReadOnlySpan<float> values) => Compare(stage, values, StageLayout.Tokens, new Shape(values.Length), 0);

    /// <summary>Compares.</summary>
    /// <param name="stage">Name in the fixture; other names are ignored.</param>
    /// <param name="values">All values, row-major.</param>
    /// <param name="layout">How they lie.</param>
    /// <param name="shape">Their shape.</param>
    /// <param name="edge">Edge of a window for the window layouts.</param>
    public void Compare(string stage, ReadOnlySpan<float> values, StageLayout layout, Shape shape, int edge)
    {
        if (!Stores(stage)) return;
        var windows = layout is StageLayout.Windows or StageLayout.WindowMaps && edge > 0;
        var total = windows ? WindowedLength(shape, edge) : values.Length;
        var (stored, stats, sampled) = Stored(stage);
        var recorded = fixture.RecordedShape(stage)?.Aggregate(1L, (n, d) => n * d) ?? total;
        if (recorded != total)
        {
            results[stage] = new StageResult(stage, double.PositiveInfinity, Budget, 0, 0); // other values, or another number of them
            return;
        }

        var scale = Scale(stored, stats);
        double worst = 0;
        long compared = 0, over = 0;
        for (var j = 0L; j < stored.Length; j++)
        {
            var index = IndexOf(sampled ? j * SampleStep % total : j, layout, shape, edge);
            if (index < 0) continue;
            var error = Difference(values[(int)index], stored[j]) / scale;
            if (double.IsNaN(error)) error = double.PositiveInfinity;
            worst = Math.Max(worst, error);
            compared++;
            if (error > Budget) over++;
        }

        if (stats is not null && !windows) worst = Math.Max(worst, StatisticsError(values, stats, scale));
        var excused = DownstreamOfUndecided && worst > Budget && worst < LargestExcusedError ? Math.Max(over, 1) : 0;
        var result = new StageResult(stage, worst, Budget, compared, excused);
        if (!results.TryGetValue(stage, out var before) || !(before.Error > worst)) results[stage] = result; // compared twice, the worse counts
    }

    /// <summary>Notes a comparison that was made elsewhere: of a number that is part of a stored tensor, for example.</summary>
    public void Note(string name, double error, double allowed, (double Found, double Stored)? numbers = null)
    {
        var excused = DownstreamOfUndecided && error > allowed && error < LargestExcusedError ? 1 : 0;
        var result = new StageResult(name, double.IsNaN(error) ? double.PositiveInfinity : error, allowed, 1, excused);
        results[name] = result with { Numbers = numbers };
    }

    /// <summary>Notes how many values differ at all, where none may.</summary>
    public void NoteDifferences(string name, long differing, long values) => results[name] = new StageResult(name, differing, 0, values, 0);

    /// <summary>Which share of a stage's stored values differ by more than the budget; no result is noted.</summary>
    public double ShareOver(string stage, ReadOnlySpan<float> values, StageLayout layout, Shape shape)
    {
        if (!Stores(stage)) return 0;
        var (stored, stats, sampled) = Stored(stage);
        var scale = Scale(stored, stats);
        var over = 0;
        for (var j = 0L; j < stored.Length; j++)
            if (Math.Abs(values[(int)IndexOf(sampled ? j * SampleStep % values.Length : j % values.Length, layout, shape, 0)] - stored[j]) >
                    Budget * scale)
                over++;
        return (double)over / Math.Max(1, stored.Length);
    }

    /// <summary>Sums up.</summary>
    public FixtureReport Report()
    {
        string[] missing = [.. fixture.Stages.Where(s => !results.ContainsKey(s) && !results.ContainsKey(s + ".0.total"))];
        var failed = results.Values.Count(r => !r.Passed);
        var verdict = failed == 0 && results.Count > 0 ? FixtureVerdict.Passed : FixtureVerdict.Failed;
        var message = results.Count == 0 ? "none of its stages is known" : null;
        return new FixtureReport(fixture.File.Path, fixture.Kind, fixture.Model, verdict, [.. results.Values], missing, UndecidedPixels, message);
    }

    private (double[] Values, double[]? Stats, bool Sampled) Stored(string stage)
    {
        var sampled = !fixture.File.Tensors.ContainsKey(stage);
        if (!sampled) return (fixture.File.ReadDoubles(stage), null, false);
        var stats = fixture.File.Tensors.ContainsKey(stage + "@stats") ? fixture.File.ReadDoubles(stage + "@stats") : null;
        return (fixture.File.ReadDoubles(stage + "@sample"), stats, true);
    }

    /// <summary>Largest magnitude of a stored tensor: what errors are relative to.</summary>
    private static double Scale(double[] stored, double[]? stats)
    {
        var scale = stats is null ? stored.Select(Math.Abs).DefaultIfEmpty(0).Max() : stats[2];
        return scale > 0 ? scale : 1;
    }

    /// <summary>Elements of an image cut into windows, padding included.</summary>
    private static long WindowedLength(Shape shape, int edge)
    {
        long Padded(int length) => (long)(length + edge - 1) / edge * edge;
        return Padded(shape[^3]) * Padded(shape[^2]) * shape.Columns;
    }

    /// <summary>Extremes and mean cover the values that the sample leaves out.</summary>
    private double StatisticsError(ReadOnlySpan<float> values, double[] stats, double scale)
    {
        double sum = 0, min = double.PositiveInfinity, max = double.NegativeInfinity;
        foreach (var value in values)
        {
            sum += value;
            min = Math.Min(min, value);
            max = Math.Max(max, value);
        }

        return Math.Max(Math.Abs((sum / values.Length) - stats[0]), Math.Max(Difference(min, stats[3]), Difference(max, stats[4]))) / scale;
    }

    private double Difference(double value, double stored)
    {
        var difference = Math.Abs(value - stored);
        return IsRoundedToBFloat16 && stored != 0 ? Math.Max(0, difference - Math.ScaleB(1, Math.ILogB(stored) - 7)) : difference;
    }

    /// <summary>Where an element of the fixture lies in the engine's values; -1 for the padding of a window.</summary>
    private static long IndexOf(long flat, StageLayout layout, Shape shape, int edge)
    {
        long channels = shape.Columns;
        switch (layout)
        {
            case StageLayout.Map:
            case StageLayout.WindowMaps when edge == 0: // the whole image is one window
                {
                    var cells = (long)shape[^3] * shape[^2];
                    var (image, rest) = (flat / (channels * cells), flat % (channels * cells));
                    return (((image * cells) + (rest % cells)) * channels) + (rest / cells);
                }

            case StageLayout.Windows or StageLayout.WindowMaps when edge > 0:
                {
                    var cells = (long)edge * edge;
                    var (window, rest) = (flat / (channels * cells), flat % (channels * cells));
                    var (cell, channel) = layout == StageLayout.Windows ? (rest / channels, rest % channels) : (rest % cells, rest / cells);
                    var across = (shape[^2] + edge - 1) / edge;
                    var (row, column) = ((window / across * edge) + (cell / edge), (window % across * edge) + (cell % edge));
                    return row < shape[^3] && column < shape[^2] ? (((row * shape[^2]) + column) * channels) + channel : -1;
                }

            default:
                return flat;
        }
    }
}
