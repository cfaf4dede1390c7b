using AuralSam2.Data;
using AuralSam2.Kernels;

namespace AuralSam2.Training;

/// <summary>
/// A model that learns, as a trainer sees it: parameters, the gradients of clips, and what it predicts. Not thread-safe.
/// </summary>
public interface ILearner : IDisposable
{
    /// <summary>Where it computes.</summary>
    Device Device { get; }

    /// <summary>All that an optimizer changes, in an order that never changes.</summary>
    IReadOnlyList<TrainedParameter> Parameters { get; }

    /// <summary>What belongs to the model and is saved with it, but not trained: running means and variances.</summary>
    IReadOnlyList<NamedTensor> Statistics { get; }

    /// <summary>
    /// While true, every op's result and gradient is looked at, and <see cref="Accumulate"/> throws a <see cref="NonFiniteException"/> that
    /// names the first one that is no finite number. Slow: for a step that went wrong.
    /// </summary>
    bool Checked { get; set; }

    /// <summary>The gradient of a parameter: the sum over the clips since <see cref="ZeroGradients"/>.</summary>
    Tensor Gradient(TrainedParameter parameter);

    /// <summary>
    /// Whether the clips since <see cref="ZeroGradients"/> used a parameter. Those that nothing used have no gradient, not one of zeros: the
    /// optimizer leaves them alone, their weight decay as well.
    /// </summary>
    bool HasGradient(TrainedParameter parameter);

    /// <summary>Sets all gradients to zero.</summary>
    void ZeroGradients();

    /// <summary>Runs a clip forward and back.</summary>
    /// <param name="clip">The clip, augmented.</param>
    /// <param name="random">Where dropout and sampling draw from.</param>
    /// <param name="scale">Factor of what is added to the gradients: 1 / n when n clips make a step.</param>
    /// <returns>The loss of the clip, not scaled.</returns>
    /// <exception cref="NonFiniteException"><see cref="Checked"/>, and an op made something that is not a finite number.</exception>
    LossTerms Accumulate(LoadedClip clip, StepRandomness random, double scale);

    /// <summary>The values of <see cref="Parameters"/> or <see cref="Statistics"/> have changed: whatever is made from them is made anew.</summary>
    void Refresh();

    /// <summary>What the model answers, as in use: no dropout, running statistics.</summary>
    /// <param name="clip">The clip, as it is.</param>
    /// <param name="cancellation">Looked at between frames.</param>
    /// <returns>One answer per frame.</returns>
    IEnumerable<FramePrediction> Predict(LoadedClip clip, CancellationToken cancellation);
}

/// <summary>A parameter that is trained.</summary>
/// <param name="Name">Name in the official state dict.</param>
/// <param name="Value">Its values, dense.</param>
/// <param name="Shape">Extents in the official state dict.</param>
/// <param name="Decays">Whether weight decay acts on it: not on those of batch and layer norms. See <see cref="ParameterGroups"/>.</param>
/// <param name="RateFactor">Factor of the learning rate.</param>
public sealed record TrainedParameter(string Name, Tensor Value, int[] Shape, bool Decays, double RateFactor);

/// <summary>A tensor under its official name.</summary>
/// <param name="Name">Name in the official state dict.</param>
/// <param name="Value">Its values, dense.</param>
/// <param name="Shape">Extents in the official state dict.</param>
public sealed record NamedTensor(string Name, Tensor Value, int[] Shape);

/// <summary>What a model answers to a frame.</summary>
/// <param name="Masks">Logits of three masks at the size of the clip, <c>[3, size, size]</c>.</param>
/// <param name="Ious">Predicted IoU of each.</param>
/// <param name="ObjectLogit">Above 0: something is there.</param>
public sealed record FramePrediction(float[] Masks, float[] Ious, float ObjectLogit);
