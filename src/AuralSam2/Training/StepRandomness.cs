using AuralSam2.Data;

namespace AuralSam2.Training;

/// <summary>
/// Where the random numbers of a clip of a step come from. They depend on the seed of the run, the step and the clip's place in it, on
/// nothing before: a step can be repeated, and a run resumed, from these numbers alone.
/// </summary>
/// <param name="Seed">Of the run.</param>
/// <param name="Step">Of the run, from 0.</param>
/// <param name="Clip">Place among the clips of the step, from 0.</param>
public readonly record struct StepRandomness(ulong Seed, long Step, int Clip)
{
    // First keys, after those that CounterRandom names.
    private const ulong DropoutKey = 3;
    private const ulong SamplingKey = 4;

    /// <summary>Seed of dropout.</summary>
    public ulong Dropout => Draw(DropoutKey);

    /// <summary>Seed of the sampling of pixels for AudioCon.</summary>
    public ulong Sampling => Draw(SamplingKey);

    private ulong Draw(ulong key) => new CounterRandom(key, Seed, (ulong)Step, (ulong)Clip).Next();
}
