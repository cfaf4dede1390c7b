namespace AuralSam2.Weights;

/// <summary>A parameter that a model wants: its official name and shape.</summary>
/// <param name="Name">Name in the official state dict.</param>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
public readonly record struct ParameterSpec(string Name, int[] Shape);

/// <summary>
/// What a model's constructor reads its parameters from. One walk serves twice: a declaring reader only notes names and shapes, so that
/// <see cref="WeightCheck"/> can compare a whole file before the first byte of it is read; a reading one delivers the values.
/// </summary>
public sealed class WeightReader
{
    private readonly IWeightSource? source;
    private readonly List<ParameterSpec> declared = [];
    private readonly Dictionary<string, int[]> shapes = [];

    /// <summary>A reader that delivers values.</summary>
    /// <param name="source">Where they come from; stays the caller's to dispose.</param>
    public WeightReader(IWeightSource source) => this.source = source ?? throw new ArgumentNullException(nameof(source));

    private WeightReader()
    {
    }

    /// <summary>Whether this reader only notes what is asked for.</summary>
    public bool Declaring => source is null;

    /// <summary>What was asked for so far, in order and each name once; empty for a reader that delivers values.</summary>
    public IReadOnlyList<ParameterSpec> Declared => declared;

    /// <summary>Elements delivered so far.</summary>
    public long ElementsRead { get; private set; }

    /// <summary>Elements that a reading walk will deliver; counted while declaring.</summary>
    public long ElementsDeclared { get; private set; }

    /// <summary>Told <see cref="ElementsRead"/> after every tensor.</summary>
    public IProgress<long>? Progress { get; set; }

    /// <summary>A reader without a source, for collecting the names and shapes of a model.</summary>
    public static WeightReader ForDeclaring() => new();

    /// <summary>Reads a parameter, row-major; returns an empty array when declaring.</summary>
    /// <param name="name">Name in the official state dict.</param>
    /// <param name="shape">Shape in the official state dict; none for a scalar.</param>
    /// <exception cref="WeightsException">The source has no such tensor, or one of another shape or dtype.</exception>
    /// <exception cref="InvalidOperationException">The name was declared before with another shape.</exception>
    public float[] Read(string name, params ReadOnlySpan<int> shape)
    {
        if (source is null)
        {
            Note(name, shape);
            return [];
        }

        var values = GC.AllocateUninitializedArray<float>(TensorShape.Elements(shape));
        source.Read(name, shape.ToArray(), values);
        Tell(values.Length);
        return values;
    }

    /// <summary>
    /// Lends a parameter until the result is disposed: straight from a mapped file where it lies there as float32, so that it is laid out
    /// for a device without a copy between. Empty when declaring.
    /// </summary>
    /// <param name="name">Name in the official state dict.</param>
    /// <param name="shape">Shape in the official state dict; none for a scalar.</param>
    /// <exception cref="WeightsException">The source has no such tensor, or one of another shape or dtype.</exception>
    /// <exception cref="InvalidOperationException">The name was declared before with another shape.</exception>
    internal LentWeights Lend(string name, params ReadOnlySpan<int> shape)
    {
        if (source is null)
        {
            Note(name, shape);
            return default;
        }

        var lent = LentWeights.Of(source, name, shape.ToArray());
        Tell(lent.Values.Length);
        return lent;
    }

    /// <summary>Declares a parameter that the official state dict holds but no computation uses.</summary>
    /// <param name="name">Name in the official state dict.</param>
    /// <param name="shape">Shape in the official state dict; none for a scalar.</param>
    /// <exception cref="InvalidOperationException">The name was declared before with another shape.</exception>
    public void Unused(string name, params ReadOnlySpan<int> shape)
    {
        if (source is null) Declare(name, shape.ToArray());
    }

    private void Note(string name, ReadOnlySpan<int> shape)
    {
        Declare(name, shape.ToArray());
        ElementsDeclared += TensorShape.Elements(shape);
    }

    private void Tell(int elements)
    {
        ElementsRead += elements;
        Progress?.Report(ElementsRead);
    }

    private void Declare(string name, int[] shape)
    {
        if (shapes.TryAdd(name, shape)) declared.Add(new ParameterSpec(name, shape));
        else if (!shapes[name].AsSpan().SequenceEqual(shape))
            throw new InvalidOperationException($"{name} is declared as {TensorShape.Text(shapes[name])} and as {TensorShape.Text(shape)}");
    }
}
