namespace AuralSam2.Kernels.Ops;

/// <summary>
/// Dropout of attention's probabilities after the softmax: kept ones grow by <see cref="Factor"/>. The number of a probability is that of
/// its row, (batch * heads + head) * queries + query, in the upper 32 bits, and its key in the lower.
/// </summary>
/// <param name="Key">Of this call of the op.</param>
/// <param name="Threshold">See <see cref="DropoutMask.Threshold"/>; 0: no dropout.</param>
/// <param name="Factor">1 / (1 - rate).</param>
internal readonly record struct AttentionDropout(ulong Key, uint Threshold, float Factor)
{
    /// <summary>What the tape's plan says, under a key of its own.</summary>
    public static AttentionDropout Next(Tape tape) => Of(tape.NextDropoutKey(), tape.Dropout.Rate);

    /// <summary>A share of the probabilities, under a key.</summary>
    public static AttentionDropout Of(ulong key, float rate) => new(key, DropoutMask.Threshold(rate), 1f / (1f - rate));

    /// <summary>Whether anything is dropped.</summary>
    public bool IsOn => Threshold != 0;

    /// <summary>What a probability is multiplied by: the definition, for references.</summary>
    public double FactorOf(long row, int key) => !IsOn ? 1 : DropoutMask.Keeps(Key, ((ulong)row << 32) + (uint)key, Threshold) ? Factor : 0;
}
