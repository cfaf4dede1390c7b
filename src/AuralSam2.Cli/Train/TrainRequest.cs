using AuralSam2.Training;

namespace AuralSam2.Cli;

/// <summary>What <c>aural train</c> was asked to do. What is null was not said: a run that goes on keeps what it has.</summary>
internal sealed record TrainRequest
{
    /// <summary>Folder of the dataset.</summary>
    public string? Data { get; init; }

    /// <summary>Its name.</summary>
    public string? Dataset { get; init; }

    /// <summary>Size of SAM2.</summary>
    public string? Model { get; init; }

    /// <summary>Files of weights, or a rule.</summary>
    public IReadOnlyList<string>? Weights { get; init; }

    /// <summary>Changes settings as the command line says.</summary>
    public required Func<TrainingSettings, TrainingSettings> Change { get; init; }

    /// <summary>Folder of the run.</summary>
    public required string Out { get; init; }

    /// <summary>Go on with the run there.</summary>
    public bool Resume { get; init; }

    /// <summary>How often to validate and to save.</summary>
    public required TrainingPace Pace { get; init; }

    /// <summary>What computes, in the words of <see cref="Kernels.DeviceChoice"/>.</summary>
    public required string Device { get; init; }

    /// <summary>Threads of the processor; 0 takes one per processor.</summary>
    public int Threads { get; init; }

    /// <summary>Print JSON instead of a summary.</summary>
    public bool Json { get; init; }
}

/// <summary>What <c>aural train --json</c> prints.</summary>
/// <param name="Tool">aural.</param>
/// <param name="Version">Its version.</param>
/// <param name="Out">Folder of the run.</param>
/// <param name="Device">What computed.</param>
/// <param name="Completed">False where it was interrupted.</param>
/// <param name="Steps">Steps done since the run began.</param>
/// <param name="Epochs">Epochs done.</param>
/// <param name="BestScore">Best mean of J and F in a validation; null without one.</param>
/// <param name="BestEpoch">Its epoch, from 1.</param>
/// <param name="Seconds">That this part of the run took.</param>
internal sealed record TrainDocument(
    string Tool, string Version, string Out, string Device, bool Completed, long Steps, int Epochs, double? BestScore, int? BestEpoch,
    double Seconds);
