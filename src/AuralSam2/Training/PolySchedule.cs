namespace AuralSam2.Training;

/// <summary>
/// The learning rate of a step (SPEC 11): after each step it becomes base (1 - i / steps)^0.9, i being the index of the step just done. So
/// the first two steps use the base, and the last one is not 0.
/// </summary>
/// <param name="Base">Learning rate at the start.</param>
/// <param name="Steps">Steps of the whole run.</param>
public readonly record struct PolySchedule(double Base, long Steps)
{
    private const double Power = 0.9;

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">From 0.</param>
    public double Rate(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return step < 2 ? Base : Base * Math.Pow(Math.Max(0, 1 - ((step - 1) / (double)Steps)), Power);
    }
}
