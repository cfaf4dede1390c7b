namespace AuralSam2.Verification;

/// <summary>What came of a fixture.</summary>
public enum FixtureVerdict
{
    /// <summary>Every stage is within its budget.</summary>
    Passed,

    /// <summary>A stage is over its budget.</summary>
    Failed,

    /// <summary>A kind of fixture that this version does not know how to run.</summary>
    Unsupported,

    /// <summary>The file cannot be read, or is no fixture.</summary>
    Unreadable,
}

/// <summary>The comparison of one stage.</summary>
/// <param name="Stage">Name in the fixture.</param>
/// <param name="Error">Largest difference, relative to the largest magnitude of the stored tensor.</param>
/// <param name="Budget">Largest error allowed.</param>
/// <param name="Values">Values compared.</param>
/// <param name="Undecided">Values over budget that lie downstream of a mask pixel too close to zero to binarise the same everywhere; they
/// are excused.</param>
public sealed record StageResult(string Stage, double Error, double Budget, long Values, long Undecided)
{
    /// <summary>Within budget, or over it only where that is excused.</summary>
    public bool Passed => Error <= Budget || Undecided > 0;

    /// <summary>Share of the budget that is used: 1 is all of it.</summary>
    public double Used => Error == 0 ? 0 : double.IsNaN(Error) || Budget == 0 ? double.PositiveInfinity : Error / Budget;

    /// <summary>What was found and what is stored, where the stage is a single number.</summary>
    public (double Found, double Stored)? Numbers { get; init; }
}

/// <summary>The comparison of one fixture.</summary>
/// <param name="File">Path of the fixture.</param>
/// <param name="Kind">What it holds: image_encoder, mask_decoder, vggish, aural, memory_modules, ...</param>
/// <param name="Model">Whose values they are.</param>
/// <param name="Verdict">The outcome.</param>
/// <param name="Stages">Every stage that was compared, in the order of the computation.</param>
/// <param name="NotCompared">Stages of the fixture that the engine never has as a value.</param>
/// <param name="UndecidedPixels">Mask pixels whose logit is within 1e-4 of zero.</param>
/// <param name="Message">Why, when there is something to say; one line.</param>
public sealed record FixtureReport(
    string File, string Kind, string Model, FixtureVerdict Verdict,
    IReadOnlyList<StageResult> Stages, IReadOnlyList<string> NotCompared, long UndecidedPixels, string? Message);
