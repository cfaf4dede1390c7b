namespace AuralSam2.Kernels;

/// <summary>
/// Which elements a dropout keeps: a hash of the key of the op's place in the step and of the element's index, so that the mask needs no memory
/// and does not depend on device or threads.
/// </summary>
internal static class DropoutMask
{
    /// <summary>The threshold of <see cref="Keeps"/> for a rate of 0 to less than 1.</summary>
    public static uint Threshold(float rate) => (uint)(rate * 4294967296.0);

    /// <summary>Whether an element is kept: the finaliser of SplitMix64 (Steele, Lea and Flood 2014) against a threshold.</summary>
    public static bool Keeps(ulong key, ulong index, uint threshold)
    {
        var z = key + (index * 0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (uint)((z ^ (z >> 31)) >> 32) >= threshold;
    }
}
