namespace AuralSam2.Training;

/// <summary>Hears what a trainer does, on the trainer's thread.</summary>
public interface ITrainingWatcher
{
    /// <summary>A step is done.</summary>
    /// <param name="line">What the log says of it.</param>
    /// <param name="outlook">How far the run is.</param>
    void OnStep(StepLine line, TrainingOutlook outlook);

    /// <summary>A clip of a validation is done.</summary>
    /// <param name="epoch">Epoch that is validated, from 0.</param>
    /// <param name="done">Clips done.</param>
    /// <param name="total">Clips of the validation.</param>
    void OnValidation(int epoch, int done, int total);

    /// <summary>A validation is done.</summary>
    /// <param name="line">What the log says of it.</param>
    /// <param name="log">All that the log says, to be drawn.</param>
    void OnEpoch(EpochLine line, IReadOnlyList<LogLine> log);
}

/// <summary>How far a run is.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="TotalSteps">Steps of the whole run.</param>
/// <param name="Remaining">Time that the rest takes at the pace so far, validations included.</param>
public sealed record TrainingOutlook(long Steps, long TotalSteps, TimeSpan Remaining);
