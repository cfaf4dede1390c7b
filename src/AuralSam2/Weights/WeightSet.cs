namespace AuralSam2.Weights;

/// <summary>
/// The files that people give together, in any order and format, as one source of weights under the official names. Each part of the
/// model comes from one file; a checkpoint that holds several parts brings them before files that hold one, since its parts were
/// trained together.
/// </summary>
public sealed class WeightSet : IWeightSource
{
    /// <summary>The parts, what people call them, and which published file has each; none where a model does without.</summary>
    private static readonly (WeightParts Part, string Name, string? Example)[] Parts =
    [
        (WeightParts.Sam2, "SAM2", "sam2_hiera_large.pt"),
        (WeightParts.Vggish, "VGGish", "vggish-10086976.pth"),
        (WeightParts.Fuser, "AuralFuser", "auralsam2_avs_v1m.pth"),
        (WeightParts.Text, "DistilRoBERTa", null),
    ];

    private readonly WeightContribution[] contributions;
    private readonly Dictionary<string, (WeightFile File, WeightEntry Entry)> tensors = [];

    private WeightSet(WeightContribution[] contributions)
    {
        this.contributions = contributions;
        foreach (var (part, name, _) in Parts) Settle(part, name);
        foreach (var contribution in contributions)
        {
            foreach (var (name, entry) in contribution.Map.Parameters)
            {
                if ((KeyMap.PartOf(name) & contribution.Superseded) != WeightParts.None) continue;
                if (!tensors.TryAdd(name, (contribution.File, entry)))
                {
                    throw new WeightsException($"{contribution.File.Path}: tensor {WeightsException.Quote(name)} is also in " +
                        $"{tensors[name].File.Path}; leave out one of the two");
                }
            }
        }

        Kind = CheckpointKind.Of(tensors.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Entry));
    }

    /// <summary>What each file brought, in the order they were given.</summary>
    public IReadOnlyList<WeightContribution> Contributions => contributions;

    /// <summary>What the files are together: parts, size and release of SAM2, variant of AuralFuser.</summary>
    public CheckpointKind Kind { get; }

    /// <inheritdoc/>
    public string Description => string.Join(" + ", contributions.Select(contribution => contribution.File.Path));

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => tensors.Keys;

    /// <summary>Parts without which there is no model, as a person calls them.</summary>
    public IReadOnlyList<string> Missing => [.. Lacking.Select(part => part.Name)];

    /// <summary>Opens files of any supported format.</summary>
    /// <exception cref="WeightsException">
    /// A file cannot be read, is cut short, holds nothing of AuralSAM2, or brings what another brings too and neither is the obvious
    /// choice.
    /// </exception>
    public static WeightSet Open(params IReadOnlyList<string> paths)
    {
        ArgumentOutOfRangeException.ThrowIfZero(paths.Count, nameof(paths));
        var files = new List<WeightFile>();
        try
        {
            foreach (var path in paths) files.Add(WeightFile.Open(path));
            return new WeightSet([.. files.Select(Contribution)]);
        }
        catch
        {
            foreach (var file in files) file.Dispose();
            throw;
        }
    }

    /// <summary>Demands the parts of a whole model that fit together, so that <see cref="CheckpointKind.Model"/> tells its size.</summary>
    /// <exception cref="WeightsException">Something is missing or does not fit; the message tells what each file brought.</exception>
    public void EnsureModel()
    {
        var brought = string.Join(", ", contributions.Select(contribution => contribution.ToString()));
        if (Missing.Count > 0)
        {
            var wanted = Lacking.Select(part => $"{part.Name} (such as {part.Example})");
            var (verb, those) = Missing.Count == 1 ? ("is", "that file") : ("are", "those files");
            throw new WeightsException($"{brought}; missing {verb} {string.Join(" and ", wanted)}: give {those} as well");
        }

        if (Kind.Misfit is { } misfit) throw new WeightsException($"{brought}; {misfit}: give files that belong together");
    }

    /// <inheritdoc/>
    public IReadOnlyList<int>? ShapeOf(string name, IReadOnlyList<int> expected) =>
        tensors.TryGetValue(name, out var tensor) ? tensor.Entry.Shape : null;

    /// <inheritdoc/>
    /// <exception cref="WeightsException">No file holds the tensor, or the one that does cannot read it.</exception>
    public void Read(string name, IReadOnlyList<int> shape, Span<float> destination)
    {
        var (file, entry) = Demand(name);
        file.Read(entry.Name, shape, destination);
    }

    ReadOnlySpan<float> IWeightSource.Mapped(string name, IReadOnlyList<int> shape)
    {
        var (file, entry) = Demand(name);
        return ((IWeightSource)file).Mapped(entry.Name, shape);
    }

    /// <summary>The tensors under their official names, to be written as one file; this set must stay open until that is done.</summary>
    /// <param name="dtype">Type of the floats, F32, F16, BF16 or F64; <c>null</c> leaves each as it is. Integers always stay.</param>
    public IEnumerable<SafetensorsTensor> ToSafetensors(SafetensorsDType? dtype = null) =>
        tensors.Select(tensor => SafetensorsTensor.Of(tensor.Value.File, tensor.Value.Entry.Name, tensor.Key, dtype));

    /// <summary>Closes every file.</summary>
    public void Dispose()
    {
        foreach (var contribution in contributions) contribution.File.Dispose();
    }

    private IEnumerable<(WeightParts Part, string Name, string? Example)> Lacking =>
        Parts.Where(part => part.Example is not null && !Kind.Parts.HasFlag(part.Part));

    private (WeightFile File, WeightEntry Entry) Demand(string name) => tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new WeightsException(
            $"{Description}: has no tensor {WeightsException.Quote(name)}; is a file missing, or of another model?");

    /// <summary>A file of which something is known to belong to the model.</summary>
    private static WeightContribution Contribution(WeightFile file)
    {
        file.EnsureWhole();
        var map = KeyMap.Of(file);
        if (map.Kind.Parts != WeightParts.None) return new WeightContribution(file, map);
        var example = file.Names.FirstOrDefault() is { } name ? $", such as {WeightsException.Quote(name)}," : "";
        throw new WeightsException($"{file.Path}: none of its {file.Entries.Count} tensors{example} " +
            "belongs to SAM2, VGGish or AuralFuser; is this the right file?");
    }

    /// <summary>Decides which file brings a part.</summary>
    private void Settle(WeightParts part, string name)
    {
        var holders = contributions.Where(contribution => contribution.Kind.Parts.HasFlag(part)).ToList();
        if (holders.Count < 2) return;
        var first = holders.MaxBy(holder => Rank(holder))!;
        foreach (var other in holders.Where(holder => holder != first))
        {
            // SAM2 and VGGish stay as published when AuralFuser is trained, so a second copy is the same; a second fuser never is.
            var isCopy = part == WeightParts.Vggish ||
                (part == WeightParts.Sam2 && other.Kind.Model == first.Kind.Model && other.Kind.Version == first.Kind.Version);
            if (!isCopy || Rank(other) == Rank(first))
            {
                throw new WeightsException($"{first} and {other}: {name} is in both, leave out one of the two; " +
                    "each part comes from one file");
            }

            other.Superseded |= part;
        }
    }

    private static int Rank(WeightContribution contribution) => int.PopCount((int)contribution.Kind.Parts);
}
