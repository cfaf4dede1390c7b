namespace AuralSam2.Kernels.Ops;

/// <summary>Numbers of one step of AdamW on one parameter.</summary>
/// <param name="Rate">Learning rate.</param>
/// <param name="WeightDecay">Decoupled: the parameter shrinks by rate * decay of itself, whatever its gradient.</param>
/// <param name="Step">How many steps the parameter has taken with this one, from 1.</param>
/// <param name="GradientScale">Factor of the gradient: below 1 where its norm is clipped.</param>
public readonly record struct AdamWStep(double Rate, double WeightDecay, long Step, float GradientScale = 1f)
{
    /// <summary>Decay of the running mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the running mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the squares.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The factors that the kernels take.</summary>
    internal AdamWFactors Factors => new(
        GradientScale,
        Keep: (float)(1 - (Rate * WeightDecay)),
        MeanWeight: (float)(1 - Beta1),
        SquareKeep: (float)Beta2,
        SquareWeight: (float)(1 - Beta2),
        RootScale: (float)Math.Sqrt(1 - Math.Pow(Beta2, Step)),
        Epsilon: (float)Epsilon,
        Move: (float)(-Rate / (1 - Math.Pow(Beta1, Step))));
}

/// <summary>
/// What <see cref="AdamW"/> computes with: scalars made in float64 and rounded once, as PyTorch hands them to its kernels.
/// </summary>
internal readonly record struct AdamWFactors(
    float GradientScale, float Keep, float MeanWeight, float SquareKeep, float SquareWeight, float RootScale, float Epsilon, float Move);

/// <summary>
/// One step of AdamW (Loshchilov and Hutter 2019) in one pass over a parameter, its gradient and its two running means, as PyTorch does it
/// in float32. With g the scaled gradient and t the step, in this order:
/// <code>
/// value  = value (1 - rate decay)
/// mean   = mean + (1 - beta1) (g - mean)
/// square = square beta2 + (1 - beta2) g g
/// value  = value - rate / (1 - beta1^t) mean / (sqrt(square) / sqrt(1 - beta2^t) + epsilon)
/// </code>
/// </summary>
public static class AdamW
{
    /// <summary>Changes a parameter. It is never recorded: optimizers work between recordings.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="value">The parameter, of any shape, dense.</param>
    /// <param name="gradient">Its gradient; read only.</param>
    /// <param name="mean">Running mean of gradients; zeros before the first step.</param>
    /// <param name="square">Running mean of squared gradients; zeros before the first step.</param>
    /// <param name="step">Numbers of this step.</param>
    /// <exception cref="ArgumentException">The lengths disagree, a tensor has gaps, or steps are not counted from 1.</exception>
    public static void Run(Device device, Tensor value, Tensor gradient, Tensor mean, Tensor square, in AdamWStep step)
    {
        OpArguments.Require(
            value.Length == gradient.Length && value.Length == mean.Length && value.Length == square.Length,
            "AdamW", $"value {value}, gradient {gradient}, mean {mean}, square {square}");
        OpArguments.Require(
            value.IsDense && gradient.IsDense && mean.IsDense && square.IsDense,
            "AdamW", $"gaps in value {value}, gradient {gradient}, mean {mean} or square {square}");
        OpArguments.Require(step.Step >= 1, "AdamW", $"step {step.Step}");
        if (value.Length == 0) return;
        using var timing = device.Time("AdamW", 15.0 * value.Length, 28.0 * value.Length, $"{value.Shape}");
        switch (device)
        {
            case CpuDevice cpu: AdamWCpu.Run(cpu, value, gradient, mean, square, step.Factors); break;
            case IlgpuDevice gpu: AdamWGpu.Run(gpu, value, gradient, mean, square, step.Factors); break;
            default: throw device.Unsupported("AdamW");
        }
    }
}
