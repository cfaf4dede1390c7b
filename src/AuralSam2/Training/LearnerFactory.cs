using AuralSam2.Kernels;
using AuralSam2.Models;
using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>Makes what a trainer trains.</summary>
public static class LearnerFactory
{
    /// <summary>AuralSAM2 with AuralFuser to be trained, and VGGish where the settings say so.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="weights">What it begins with: SAM2 and VGGish; AuralFuser where it has been trained before, otherwise it is made anew.</param>
    /// <param name="settings">Model, dropout, losses.</param>
    /// <exception cref="WeightsException">A weight is missing or of another shape.</exception>
    public static ILearner Open(Device device, IWeightSource weights, TrainingSettings settings)
    {
        var (sam2, fuser) = AuralSam2Network.ShapeOf(settings.Model, weights, settings.ImageSize);
        using var initial = InitialWeights.IsNeeded(weights)
            ? new InitialWeights(weights, AuralSam2Network.Specification(device, sam2, fuser), settings.Seed)
            : null;
        var network = AuralSam2Network.Load(
            device, sam2, fuser, initial ?? weights, progress: null, isLearned: FuserLearner.IsLearned(settings.TrainVggish));
        return new FuserLearner(network, settings.Dropout, settings.AudioCon);
    }
}
