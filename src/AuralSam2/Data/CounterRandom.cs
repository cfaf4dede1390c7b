namespace AuralSam2.Data;

/// <summary>
/// A counter-based generator: number i depends on the keys and on i alone, so that any clip of any epoch can be drawn without those
/// before it. The mixing function is that of SplitMix64 (Steele, Lea and Flood 2014).
/// </summary>
internal sealed class CounterRandom
{
    /// <summary>First key of the order of clips.</summary>
    public const ulong Order = 1;

    /// <summary>First key of augmentations.</summary>
    public const ulong Augmentation = 2;

    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    private readonly ulong key;
    private ulong counter;

    /// <summary>Starts a sequence; keys in another order give another one.</summary>
    public CounterRandom(params ReadOnlySpan<ulong> keys)
    {
        foreach (var part in keys) key = Mix(key + GoldenGamma + Mix(part + GoldenGamma));
    }

    /// <summary>64 random bits.</summary>
    public ulong Next() => Mix(key + ++counter * GoldenGamma);

    /// <summary>At least 0, below 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Between two bounds.</summary>
    public double Uniform(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>At least 0, below <paramref name="bound"/>, all equally likely to within 2^-32.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
