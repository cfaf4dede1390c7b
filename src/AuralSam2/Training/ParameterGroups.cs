using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>
/// How parameters are treated differently (SPEC 11): weight decay acts on weights and biases of linear and convolution layers, not on those
/// of batch and layer norms; VGGish, where it is trained, learns at a tenth of the rate.
/// </summary>
public static class ParameterGroups
{
    /// <summary>Factor of VGGish's learning rate.</summary>
    public const double VggishFactor = 0.1;

    /// <summary>Factor of a parameter's learning rate.</summary>
    /// <param name="name">Official name.</param>
    public static double RateFactor(string name) => KeyMap.PartOf(name) == WeightParts.Vggish ? VggishFactor : 1;

    /// <summary>A parameter of a linear or convolution layer: weight or bias.</summary>
    public static TrainedParameter OfLayer(string name, Kernels.Tensor value, params int[] shape) =>
        new(name, value, shape, Decays: true, RateFactor(name));

    /// <summary>A parameter of a batch or layer norm: weight or bias.</summary>
    public static TrainedParameter OfNorm(string name, Kernels.Tensor value, params int[] shape) =>
        new(name, value, shape, Decays: false, RateFactor(name));
}
