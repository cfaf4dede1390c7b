using AuralSam2.Kernels;

namespace AuralSam2.Training;

/// <summary>A parameter that is learned.</summary>
/// <param name="Name">Official name in the state dict.</param>
/// <param name="Value">Its values on the device, dense, in the order of the state dict; optimizers change them in place.</param>
/// <param name="Shape">Shape in the state dict.</param>
/// <param name="Decays">Whether weight decay applies: not to weights and biases of norms (SPEC 11).</param>
public sealed record TrainedParameter(string Name, Tensor Value, int[] Shape, bool Decays);

/// <summary>A tensor of the state dict that changes while a model learns without being learned (running statistics), or never.</summary>
/// <param name="Name">Official name in the state dict.</param>
/// <param name="Value">Its values on the device, dense.</param>
/// <param name="Shape">Shape in the state dict.</param>
public sealed record NamedTensor(string Name, Tensor Value, int[] Shape);
