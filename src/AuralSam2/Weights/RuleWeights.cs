namespace AuralSam2.Weights;

/// <summary>Weights of any model by rule (<see cref="RuleTensor"/>): nothing to download, and the same on every machine.</summary>
/// <param name="seed">Prefix of every name; another seed gives other weights.</param>
public sealed class RuleWeights(string seed = "") : IWeightSource
{
    /// <inheritdoc/>
    public string Description => seed.Length == 0 ? "rule weights" : $"rule weights of seed {WeightsException.Quote(seed)}";

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => [];

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => expected;

    /// <inheritdoc/>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        var elements = TensorShape.Elements([.. shape]);
        if (destination.Length != elements)
            throw new ArgumentException($"room for {destination.Length} floats, tensor {name} has {elements}", nameof(destination));
        var (offset, scale) = RuleTensor.OffsetAndScale(name, shape);
        RuleTensor.Fill(seed, name, offset, scale, destination);
    }

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }
}
