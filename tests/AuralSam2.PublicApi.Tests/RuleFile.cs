using AuralSam2.Weights;

namespace AuralSam2.PublicApi.Tests;

/// <summary>Files of weights that are made by rule.</summary>
internal static class RuleFile
{
    /// <summary>Writes what a model asks for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="load">Loads the model and throws it away.</param>
    public static void Write(string path, Action<IWeightSource> load)
    {
        // A source of one's own: it makes weights by rule and notes which the model asks for.
        using var asked = new AskedWeights();
        load(asked);
        using var rule = new RuleWeights();
        SafetensorsWriter.Write(path, null, asked.Shapes.Select(p => SafetensorsTensor.Of(p.Key, p.Value, () => Values(p.Key, p.Value), SafetensorsDType.F16)));

        float[] Values(string name, int[] shape)
        {
            var values = new float[shape.Aggregate(1, (n, d) => n * d)];
            rule.Read(name, shape, values);
            return values;
        }
    }

    private sealed class AskedWeights : IWeightSource
    {
        private readonly RuleWeights rule = new();

        public Dictionary<string, int[]> Shapes { get; } = [];

        public string Description => "rule weights";

        public IReadOnlyCollection<string> Names => [];

        public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected)
        {
            Shapes.TryAdd(name, [.. expected]);
            return expected;
        }

        public void Read(string name, IReadOnlyList<int> shape, Span<float> destination) => rule.Read(name, shape, destination);

        public void Dispose() => rule.Dispose();
    }
}
