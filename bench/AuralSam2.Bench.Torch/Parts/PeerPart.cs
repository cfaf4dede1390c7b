using TorchSharp;
using static TorchSharp.torch;

namespace AuralSam2.Bench.Torch;

/// <summary>A part that is a pure function of inputs by rule, run in inference mode; keeps what the last run returned, nothing else.</summary>
/// <param name="parameters">Weights and inputs; disposed with the part.</param>
/// <param name="run">The function. Tensors that it makes live in a dispose scope; what it returns leaves the scope.</param>
internal sealed class PeerPart(PeerParameters parameters, Func<Tensor[]> run) : IPeerPart
{
    private Tensor[] results = [];
    private Tensor[] converted = [];

    public void Prepare()
    {
        // No run overwrites an input. What the last one left is freed here, outside the time.
        Free();
    }

    public void Run()
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        Free();
        results = run();
        foreach (var result in results) result.MoveToOuterDisposeScope();
    }

    public IReadOnlyList<Tensor> Outputs()
    {
        using var scope = NewDisposeScope();
        foreach (var tensor in converted) tensor.Dispose();
        converted = [.. results.Select(result => result.reshape(-1, result.shape[^1]).to(ScalarType.Float32).contiguous())];
        foreach (var tensor in converted) tensor.MoveToOuterDisposeScope();
        return converted;
    }

    public void Dispose()
    {
        Free();
        parameters.Dispose();
    }

    private void Free()
    {
        foreach (var tensor in (Tensor[])[.. results, .. converted]) tensor.Dispose();
        (results, converted) = ([], []);
    }
}
