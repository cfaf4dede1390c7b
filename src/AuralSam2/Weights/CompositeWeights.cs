namespace AuralSam2.Weights;

/// <summary>
/// Several sources as one: SAM2, the audio encoder and the fuser often come in a file each. Sources without names of their own, such
/// as <see cref="RuleWeights"/>, answer for what no other source holds.
/// </summary>
public sealed class CompositeWeights : IWeightSource
{
    private readonly IWeightSource[] sources;
    private readonly Dictionary<string, IWeightSource> owners = [];

    /// <summary>Joins sources, and takes over their disposal unless it throws.</summary>
    /// <exception cref="WeightsException">Two sources hold the same name.</exception>
    public CompositeWeights(params IReadOnlyList<IWeightSource> sources)
    {
        this.sources = [.. sources];
        foreach (var source in this.sources)
        {
            foreach (var name in source.Names)
            {
                if (owners.TryAdd(name, source)) continue;
                throw new WeightsException($"{source.Description}: tensor {WeightsException.Quote(name)} is also in " +
                    $"{owners[name].Description}; leave out one of the two");
            }
        }
    }

    /// <inheritdoc/>
    public string Description => string.Join(" + ", sources.Select(source => source.Description));

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => owners.Keys;

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => Find(name, expected)?.ShapeOf(name, expected);

    /// <inheritdoc/>
    /// <exception cref="WeightsException">No source holds the tensor, or the one that does cannot read it.</exception>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        var source = Find(name, shape) ?? throw new WeightsException($"{Description}: has no tensor {WeightsException.Quote(name)}; " +
            "is a file missing, or of another model?");
        source.Read(name, shape, destination);
    }

    /// <summary>Disposes every source.</summary>
    public void Dispose()
    {
        foreach (var source in sources) source.Dispose();
    }

    private IWeightSource? Find(string name, IReadOnlyList<int> expected) =>
        owners.GetValueOrDefault(name) ??
        Array.Find(sources, source => source.Names.Count == 0 && source.ShapeOf(name, expected) is not null);
}
