namespace AuralSam2.Bench.Trunk;

/// <summary>One side of the race: a trunk with its weights and the image in memory, ready to run.</summary>
internal interface ITrunk : IDisposable
{
    /// <summary>What a person reads in the table.</summary>
    string Name { get; }

    /// <summary>Runs the trunk once on the image.</summary>
    /// <returns>Wall time in milliseconds, from an image in memory to four feature maps in memory.</returns>
    double Run();

    /// <summary>The feature maps of the last run, one stage after the other, each [grid * grid, channels].</summary>
    float[] Output();
}
