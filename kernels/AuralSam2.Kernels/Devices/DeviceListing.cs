namespace AuralSam2.Kernels;

/// <summary>One line in the list of devices.</summary>
/// <param name="Id">What to choose it by, for example <c>cuda:0</c>; <c>cuda</c> or <c>opencl</c> where there is none of the kind.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Name">What the hardware calls itself; of the processor, its widest instruction set.</param>
/// <param name="MemoryBytes">Memory that it computes in; null where that is not known.</param>
/// <param name="Unusable">Why it cannot be used and what would help, in one line; null when it can.</param>
public sealed record DeviceListing(string Id, DeviceKind Kind, string Name, long? MemoryBytes, string? Unusable);
