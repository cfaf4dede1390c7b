using AuralSam2.Weights;

namespace AuralSam2.Cli;

/// <summary>Weights of a whole model.</summary>
/// <param name="Source">They; disposed with this.</param>
/// <param name="Model">Size of the model that they are of; null for a rule, which makes any.</param>
/// <param name="Files">What each file brought, in the order they were given; empty for a rule.</param>
internal sealed record ModelWeights(IWeightSource Source, string? Model, IReadOnlyList<ModelWeights.File> Files) : IDisposable
{
    public void Dispose() => Source.Dispose();

    /// <summary>The model to build.</summary>
    /// <param name="asked">What <c>--model</c> says; null takes what the weights are of, and t where they are of any.</param>
    /// <exception cref="UsageException">The weights are of another model.</exception>
    public string Choose(string? asked)
    {
        if (asked is null || Model is null || asked == Model) return asked ?? Model ?? "t";
        throw new UsageException($"--model {asked} does not fit {Source.Description}, which is for {Model}; leave --model out, or give weights of {asked}");
    }

    /// <summary>One file, as result.json names it.</summary>
    /// <param name="Path">The file.</param>
    /// <param name="Format">How it is laid out.</param>
    /// <param name="Is">What it is.</param>
    /// <param name="Tensors">Tensors of it that are used.</param>
    /// <param name="Parameters">Numbers in them.</param>
    internal sealed record File(string Path, string Format, string Is, int Tensors, long Parameters)
    {
        /// <summary>What a file of a set brought.</summary>
        public static File Of(WeightContribution contribution) => new(
            contribution.File.Path, contribution.File.Format.Title(), contribution.Kind.Title, contribution.Tensors, contribution.Elements);

        /// <summary>One line for a person.</summary>
        public override string ToString() => Tensors == 0
            ? $"{Path} is not needed: {Is} comes with another file"
            : $"{Path} brings {Is}: {Tensors} tensors, {Sizes.Count(Parameters)} parameters ({Format})";
    }
}
