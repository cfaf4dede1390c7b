using AuralSam2.Kernels;
using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>Makes what a trainer trains.</summary>
public static class LearnerFactory
{
    /// <summary>AuralSAM2 with AuralFuser to be trained, and VGGish where the settings say so.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="weights">What it begins with: SAM2 and VGGish; AuralFuser where it has been trained before.</param>
    /// <param name="settings">Model, dropout, losses.</param>
    /// <exception cref="WeightsException">A weight is missing or of another shape.</exception>
    public static ILearner Open(Device device, IWeightSource weights, TrainingSettings settings) =>
        throw new NotSupportedException($"{settings.Model} of {weights.Description} cannot be trained on {device.Name} by this version");
}
