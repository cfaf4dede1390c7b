namespace AuralSam2.Weights.Torch;

/// <summary>A checkpoint taken apart: what its pickle describes, and where its storages lie.</summary>
/// <param name="Root">What the pickle describes.</param>
/// <param name="Blocks">Storages that are wholly in the file, by key.</param>
/// <param name="IsCut">Whether the file ends before it should; then <paramref name="Blocks"/> may lack some.</param>
internal sealed record TorchContents(object? Root, IReadOnlyDictionary<string, StoredBlock> Blocks, bool IsCut);
