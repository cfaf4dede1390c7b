using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>A part of the model with its weights and inputs in memory, ready to run.</summary>
internal interface IPeerPart : IDisposable
{
    /// <summary>Resets inputs that a run overwrites; not timed.</summary>
    void Prepare();

    /// <summary>Runs the part once; this is what is timed.</summary>
    void Run();

    /// <summary>What the last run computed, in the order of this engine's part: float32, contiguous, <c>[rows, channels]</c>.</summary>
    IReadOnlyList<Tensor> Outputs();
}
