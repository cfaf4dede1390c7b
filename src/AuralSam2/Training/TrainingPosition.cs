namespace AuralSam2.Training;

/// <summary>
/// How far a run is. All random numbers come from the seed and from this, so it is the state of every generator too.
/// </summary>
/// <param name="Step">Steps done.</param>
/// <param name="Epoch">The epoch that is under way, from 0.</param>
/// <param name="Clip">Clips of it that are done; all of them: it waits for its validation.</param>
/// <param name="ClipsPerEpoch">Clips of an epoch: a dataset with more or fewer is another one.</param>
/// <param name="BestScore">Best validation score so far; null before the first.</param>
/// <param name="BestEpoch">Its epoch.</param>
public sealed record TrainingPosition(long Step, int Epoch, int Clip, int ClipsPerEpoch, double? BestScore, int? BestEpoch)
{
    /// <summary>Where a run begins.</summary>
    public static TrainingPosition Start(int clipsPerEpoch) => new(0, 0, 0, clipsPerEpoch, null, null);
}
