namespace AuralSam2.Weights.Torch;

/// <summary>
/// A PyTorch checkpoint, as torch.save writes it (zip) or wrote it (legacy), without Python. The pickle inside is read as data: nothing
/// of it is ever imported, called or run, and a name beyond those that tensors need is refused.
/// </summary>
/// <remarks>
/// Tensors and Parameters are found bare, or under <c>model</c>, <c>state_dict</c> and the like; what lies beside them is in <see
/// cref="Ignored"/>. Views of storages are read as their strides say. Zip entries are checked against their checksums as they are read.
/// </remarks>
public sealed class TorchCheckpoint : WeightFile
{
    /// <summary>Bytes of a compressed storage that may be held in memory beyond what is asked of it.</summary>
    private const long MostInflatedInVain = 1 << 20;

    private readonly StateDict state;
    private readonly Dictionary<string, TorchEntry> entries;
    private readonly IReadOnlyDictionary<string, StoredBlock> blocks;

    /// <summary>Reads what a file describes, and takes over its disposal unless it throws.</summary>
    internal TorchCheckpoint(MappedFile file, WeightFormat format)
        : base(file)
    {
        Format = format;
        var contents = format == WeightFormat.TorchZip ? TorchZip.Read(file) : TorchLegacy.Read(file);
        state = StateDict.Find(file.Path, contents.Root);
        entries = state.Tensors.ToDictionary(entry => entry.Name);
        blocks = contents.Blocks;
        CutShort = CheckStorages(contents.IsCut);
    }

    /// <inheritdoc/>
    public override WeightFormat Format { get; }

    /// <inheritdoc/>
    public override IReadOnlyCollection<WeightEntry> Entries => state.Tensors;

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Names => entries.Keys;

    /// <inheritdoc/>
    public override string? CutShort { get; }

    /// <summary>Keys that lead to the tensors, such as <c>model</c>; empty where they are the whole file.</summary>
    public string Location => state.Location;

    /// <summary>What lies beside the tensors and was left: optimizer, epoch and the like.</summary>
    public IReadOnlyList<string> Ignored => state.Ignored;

    /// <summary>
    /// Opens a checkpoint. One that was cut short opens too, if its tensors can be listed; see <see cref="WeightFile.CutShort"/>.
    /// </summary>
    /// <exception cref="WeightsException">No such file, no permission, another format, damage, or a pickle that asks for more than tensors.
    /// </exception>
    public static new TorchCheckpoint Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            var format = WeightFormats.Of(file);
            return format != WeightFormat.Safetensors
                ? new TorchCheckpoint(file, format)
                : throw new WeightsException($"{path}: is not a PyTorch checkpoint; give a file that torch.save wrote");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override WeightEntry? Find(string name) => entries.GetValueOrDefault(name);

    private protected override Stream OpenElements(WeightEntry entry)
    {
        var torch = (TorchEntry)entry;
        var (tensor, block) = (torch.Tensor, blocks[torch.Tensor.Storage.Key]);
        if (torch.IsWholeStorage) return block.Open(File);
        if (entry.ByteLength == 0) return Stream.Null;

        var size = entry.DType.ByteSize();
        if (torch.Extent * size > int.MaxValue) throw TooLarge(entry, "looks into more than 2 GB of its storage");
        var (from, count) = (tensor.Offset * size, (int)(torch.Extent * size));
        var (sizes, strides) = tensor.Size.Length == 0 ? ([1], [0]) : (tensor.Size, tensor.Stride);
        if (!block.Deflated) return new StridedStream(() => block.View(File, from, count), size, sizes, strides, entry.ByteLength);
        if (block.Length > Array.MaxLength || block.Length > (2 * entry.ByteLength) + MostInflatedInVain)
            throw TooLarge(entry, "is a small part of a large compressed storage");
        var inflated = new byte[block.Length];
        using var contents = block.Open(File);
        contents.ReadExactly(inflated);
        return new StridedStream(() => inflated.AsSpan((int)from, count), size, sizes, strides, entry.ByteLength);
    }

    /// <summary>Demands that every storage that a tensor uses is there in its length.</summary>
    /// <returns>What a cut file lacks first; <c>null</c> when the file is whole.</returns>
    private string? CheckStorages(bool isCut)
    {
        foreach (var entry in state.Tensors)
        {
            var storage = entry.Tensor.Storage;
            if (!blocks.TryGetValue(storage.Key, out var block))
            {
                var lack = $"{Title(entry)} ({storage.ByteLength} bytes)";
                return isCut
                    ? $"{lack} is not in its {FileLength} bytes"
                    : throw new WeightsException($"{Path}: {lack} is not in the file; download or export it again");
            }

            if (block.Length == storage.ByteLength) continue;
            throw new WeightsException($"{Path}: {Title(entry)} has {block.Length} bytes, expected {storage.ByteLength}; " +
                "the file is damaged, download or export it again");
        }

        return isCut ? "what should stand at its end is missing" : null;
    }

    private static string Title(TorchEntry entry) =>
        $"storage {WeightsException.Quote(entry.Tensor.Storage.Key)} of tensor {WeightsException.Quote(entry.Name)}";

    private WeightsException TooLarge(WeightEntry entry, string what) =>
        new($"{Path}: tensor {WeightsException.Quote(entry.Name)} {what}; save it as a tensor of its own, uncompressed");
}
