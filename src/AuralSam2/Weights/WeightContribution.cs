namespace AuralSam2.Weights;

/// <summary>What one file of a <see cref="WeightSet"/> brought.</summary>
public sealed class WeightContribution
{
    internal WeightContribution(WeightFile file, KeyMap map) => (File, Map) = (file, map);

    /// <summary>The file.</summary>
    public WeightFile File { get; }

    /// <summary>Its tensors by their official names, and those that were dropped.</summary>
    public KeyMap Map { get; }

    /// <summary>What the file is.</summary>
    public CheckpointKind Kind => Map.Kind;

    /// <summary>Parts that another file brings in its place.</summary>
    public WeightParts Superseded { get; internal set; }

    /// <summary>Tensors of the file that are used.</summary>
    public int Tensors => Used.Count();

    /// <summary>Numbers in the tensors that are used.</summary>
    public long Elements => Used.Sum(entry => entry.Elements);

    private IEnumerable<WeightEntry> Used => Map.Parameters
        .Where(parameter => (KeyMap.PartOf(parameter.Key) & Superseded) == WeightParts.None)
        .Select(parameter => parameter.Value);

    /// <summary>One line: <c>vggish.pth brings VGGish</c>.</summary>
    public override string ToString() => (Kind.Parts & ~Superseded) == WeightParts.None
        ? $"{File.Path} is not needed ({Kind.Title} comes with another file)"
        : $"{File.Path} brings {(Kind with { Parts = Kind.Parts & ~Superseded }).Title}";
}
