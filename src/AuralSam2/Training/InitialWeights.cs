using AuralSam2.Data;
using AuralSam2.Weights;

namespace AuralSam2.Training;

/// <summary>
/// Weights with an AuralFuser that has not learned yet, where the source has none: drawn as the published code draws them (SPEC 10, "Init"),
/// from a seed.
/// </summary>
/// <remarks>
/// Linear layers: normal with deviation 0.02, biases 0. Convolutions within transformer blocks: normal with variance
/// 2 / fan-out, biases 0. Other convolutions and linear layers: uniform within 1 / sqrt(fan-in), biases too (PyTorch's own). Norms: 1 and 0; the
/// batch norms behind fusion: 0 and 0, so that fusion begins as an identity.
/// </remarks>
public sealed class InitialWeights : IWeightSource
{
    private const string Fuser = "aural_fuser.";
    private const string Vggish = Fuser + "vgg.";
    private const double LinearDeviation = 0.02;
    private const ulong InitialKey = 5; // after those of StepRandomness

    private readonly IWeightSource source;
    private readonly ulong seed;
    private readonly Dictionary<string, int[]> made;

    /// <summary>Completes a source.</summary>
    /// <param name="source">SAM2 and VGGish; stays the caller's to dispose.</param>
    /// <param name="parameters">All that the model wants.</param>
    /// <param name="seed">Of the draws.</param>
    public InitialWeights(IWeightSource source, IEnumerable<ParameterSpec> parameters, ulong seed)
    {
        (this.source, this.seed) = (source, seed);
        made = parameters.Where(p => IsMade(p.Name)).ToDictionary(p => p.Name, p => p.Shape);
        Names = [.. source.Names, .. made.Keys];
    }

    /// <inheritdoc/>
    public string Description => $"{source.Description}, AuralFuser untrained";

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>Whether a source lacks an AuralFuser; one that makes any tensor does not.</summary>
    public static bool IsNeeded(IWeightSource source) => source.Names.Count > 0 && !source.Names.Any(IsMade);

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) => IsMade(name) ? expected : source.ShapeOf(name, expected);

    /// <inheritdoc/>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        if (!IsMade(name))
        {
            source.Read(name, shape, destination);
            return;
        }

        var inBlock = name.Contains(".f_blocks.", StringComparison.Ordinal) || name.Contains(".a_blocks.", StringComparison.Ordinal);
        var isFusionNorm = name.Contains(".W_z.1.", StringComparison.Ordinal) || name.Contains(".W_z2.1.", StringComparison.Ordinal);
        // A vector beside no matrix belongs to a norm.
        var matrix = shape.Count > 1 ? shape : made.GetValueOrDefault(name.Replace(".bias", ".weight", StringComparison.Ordinal)) ?? shape;
        if (name.EndsWith("running_var", StringComparison.Ordinal)) destination.Fill(1);
        else if (matrix.Count == 1) destination.Fill(name.EndsWith(".weight", StringComparison.Ordinal) && !isFusionNorm ? 1 : 0);
        else if (!inBlock) Draw(name, destination, r => ((2 * r.NextDouble()) - 1) / Math.Sqrt(FanIn(matrix)));
        else if (shape.Count == 1) destination.Clear();
        else if (shape.Count == 2) Draw(name, destination, r => LinearDeviation * Normal(r)); // two units are 100 deviations: never cut
        else Draw(name, destination, r => Math.Sqrt(2.0 / FanOut(shape)) * Normal(r));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static bool IsMade(string name) => name.StartsWith(Fuser, StringComparison.Ordinal) && !name.StartsWith(Vggish, StringComparison.Ordinal);

    private static double FanIn(IReadOnlyList<int> shape) => shape.Skip(1).Aggregate(1.0, (a, b) => a * b);

    /// <summary>Of a convolution's group: a depthwise one has a single output each.</summary>
    private static double FanOut(IReadOnlyList<int> shape) => (shape[1] == 1 ? 1.0 : shape[0]) * shape.Skip(2).Aggregate(1.0, (a, b) => a * b);

    /// <summary>Standard normal (Box and Muller 1958).</summary>
    private static double Normal(CounterRandom random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private void Draw(string name, Span<float> destination, Func<CounterRandom, double> value)
    {
        var random = new CounterRandom(InitialKey, seed, RuleTensor.Hash("", name));
        foreach (ref var element in destination) element = (float)value(random);
    }
}
