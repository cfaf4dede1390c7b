namespace AuralSam2.Kernels.Registry;

/// <summary>Steele, Lea and Flood's generator (2014), seeded by a name: the same values on every machine and in every version.</summary>
internal struct SplitMix64
{
    private ulong state;

    /// <summary>Seeds with the FNV-1a hash of a name.</summary>
    public SplitMix64(string name)
    {
        state = 0xCBF29CE484222325;
        foreach (var letter in name) state = (state ^ letter) * 0x100000001B3;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double NextUnit()
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
    }
}
