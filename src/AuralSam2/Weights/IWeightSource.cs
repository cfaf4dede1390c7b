namespace AuralSam2.Weights;

/// <summary>Named float32 tensors: a file, several files, or a rule. Names are those of the official state dicts.</summary>
public interface IWeightSource : IDisposable
{
    /// <summary>What a person reads: a file name, or how the weights came about.</summary>
    string Description { get; }

    /// <summary>Every tensor name the source holds; empty for a source that makes any tensor on demand.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>Finds a tensor's shape; <c>null</c> when the source has no tensor of that name.</summary>
    /// <param name="name">Official parameter name.</param>
    /// <param name="expected">Shape that the model wants; a rule answers with it.</param>
    IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected);

    /// <summary>Reads one tensor, row-major, converted to float32.</summary>
    /// <param name="name">Official parameter name.</param>
    /// <param name="shape">Shape of the tensor.</param>
    /// <param name="destination">Room for exactly the product of <paramref name="shape"/>.</param>
    void Read(string name, IReadOnlyList<int> shape, Span<float> destination);

    /// <summary>
    /// A tensor where it lies in a mapped file; empty where it has to be <see cref="Read"/> because it is elsewhere, converted or checked.
    /// Whoever is done with it gives its pages back (<see cref="MappedPages.Release(ReadOnlySpan{byte})"/>).
    /// </summary>
    /// <param name="name">Official parameter name.</param>
    /// <param name="shape">Shape of the tensor.</param>
    internal ReadOnlySpan<float> Mapped(string name, IReadOnlyList<int> shape) => [];
}
