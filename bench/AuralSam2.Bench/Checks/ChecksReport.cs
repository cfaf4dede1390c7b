using System.Text.Json.Serialization;

namespace AuralSam2.Bench.Checks;

/// <summary>How a case ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CheckVerdict>))]
internal enum CheckVerdict
{
    Passed,
    Failed,
    NoKernel,
}

/// <summary>One case.</summary>
/// <param name="Op">The op.</param>
/// <param name="Label">What the case is about.</param>
/// <param name="Verdict">How it ended.</param>
internal sealed record CheckRow(string Op, string Label, CheckVerdict Verdict)
{
    /// <summary>Largest error against the float64 reference, relative to the largest magnitude; absent for the model's own shapes.</summary>
    public double? Error { get; init; }

    /// <summary>Error allowed.</summary>
    public double? Budget { get; init; }

    /// <summary>Largest difference from the processor's result, on the same scale; twice the budget is allowed.</summary>
    public double? CpuDifference { get; init; }

    /// <summary>What is wrong, in words.</summary>
    public string? Message { get; init; }
}

/// <summary>What <c>check-ops</c> found.</summary>
internal sealed record ChecksReport(string Device, IReadOnlyList<CheckRow> Cases)
{
    public int Passed => Cases.Count(c => c.Verdict == CheckVerdict.Passed);

    public int Failed => Cases.Count(c => c.Verdict == CheckVerdict.Failed);

    public int NoKernel => Cases.Count(c => c.Verdict == CheckVerdict.NoKernel);
}
