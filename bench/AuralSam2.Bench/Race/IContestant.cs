namespace AuralSam2.Bench.Race;

/// <summary>This engine's side of one thing that is raced: an op of the registry or a part of the model, loaded and ready to run.</summary>
internal interface IContestant : IDisposable
{
    /// <summary>The op, or the part.</summary>
    string Name { get; }

    /// <summary>The case of the op; what goes in, for a part.</summary>
    string Shape { get; }

    /// <summary>What a peer is told to load.</summary>
    /// <param name="type">fp32 or bf16.</param>
    string PeerLoad(string type);

    /// <summary>Whether the peer runs it in bfloat16 as well.</summary>
    bool HasBfloat16 { get; }

    /// <summary>Floating-point operations of a run, known after <see cref="First"/>.</summary>
    double Flops { get; }

    /// <summary>Bytes that a run must read and write at least once; null where ops share them.</summary>
    double? Bytes { get; }

    /// <summary>The first run, and what it computes.</summary>
    float[] First();

    /// <summary>Runs so many times, and returns the milliseconds of one.</summary>
    double Run(int count);
}
