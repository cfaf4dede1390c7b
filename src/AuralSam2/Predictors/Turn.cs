namespace AuralSam2.Predictors;

/// <summary>Lets one caller at a time work, and tells another that it is in the way.</summary>
/// <param name="owner">What they want to work with, in words.</param>
internal sealed class Turn(string owner)
{
    private int taken;

    /// <summary>Takes the turn until the result is disposed.</summary>
    /// <exception cref="InvalidOperationException">Somebody else has it.</exception>
    public Lease Take() => Interlocked.CompareExchange(ref taken, 1, 0) == 0
        ? new Lease(this)
        : throw new InvalidOperationException(
            $"the {owner} is at work in another call: await each call before the next, or use one predictor and device for each thread");

    /// <summary>The turn of one caller.</summary>
    internal readonly struct Lease(Turn turn) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => Volatile.Write(ref turn.taken, 0);
    }
}
