namespace AuralSam2.Kernels;

/// <summary>
/// How values are dropped in a step. Whether an element is dropped depends on the seed, the place of the op in the step and the element's
/// index, on nothing else: a step can be repeated, on any device and with any number of threads.
/// </summary>
/// <param name="Rate">Share of the elements that are dropped, 0 to less than 1; the others grow by 1 / (1 - rate).</param>
/// <param name="Seed">Of the run and the step.</param>
public readonly record struct DropoutPlan(float Rate, ulong Seed);
