namespace AuralSam2.Weights.Torch;

/// <summary>
/// The zip layout of checkpoints: in one folder of any name <c>data.pkl</c>, which describes the tensors, and a file <c>data/KEY</c>
/// per storage.
/// </summary>
internal static class TorchZip
{
    private const string PickleName = "/data.pkl";

    /// <summary>Bytes; a compressed pickle is inflated in memory. That of the largest published checkpoint has 0.12 MB.</summary>
    private const int LongestInflatedPickle = 8 << 20;

    /// <summary>Bytes searched for the end of an entry that does not say its length: version, byteorder.</summary>
    private const int LongestSmallEntry = 1 << 12;

    /// <summary>Reads a checkpoint, or as much of it as is there.</summary>
    /// <exception cref="WeightsException">It is damaged, hostile, or no checkpoint.</exception>
    public static TorchContents Read(MappedFile file) =>
        ZipDirectory.Read(file) is { } directory ? ReadWhole(file, directory) : ReadCut(file);

    private static TorchContents ReadWhole(MappedFile file, ZipDirectory directory)
    {
        var pickles = directory.Entries.Keys.Where(name => name.EndsWith(PickleName, StringComparison.Ordinal)).Take(2).ToList();
        if (pickles.Count != 1)
        {
            throw new WeightsException($"{file.Path}: is a zip with {(pickles.Count == 0 ? "no" : "more than one")} data.pkl, " +
                "not a PyTorch checkpoint; give the file that torch.save wrote");
        }

        var folder = pickles[0][..^PickleName.Length];
        if (directory.Entries.ContainsKey(folder + "/constants.pkl"))
        {
            throw new WeightsException($"{file.Path}: is a TorchScript program, which holds code beside the weights; " +
                "save model.state_dict() with torch.save");
        }

        if (directory.Entries.TryGetValue(folder + "/byteorder", out var order) && !Holds(file, order, "little"u8))
            throw new WeightsException($"{file.Path}: was written big-endian; save it on a little-endian machine");

        var machine = new PickleMachine(file.Path, Pickle(file, directory.Entries[pickles[0]]));
        var root = machine.Run();
        var blocks = new Dictionary<string, StoredBlock>();
        foreach (var key in machine.Storages.Keys)
            if (directory.Entries.TryGetValue($"{folder}/data/{key}", out var block)) blocks.Add(key, block);
        return new TorchContents(root, blocks, IsCut: false);
    }

    private static bool Holds(MappedFile file, StoredBlock block, ReadOnlySpan<byte> expected)
    {
        if (block.Length != expected.Length) return false;
        Span<byte> text = stackalloc byte[expected.Length];
        using var contents = block.Open(file);
        contents.ReadExactly(text);
        return text.SequenceEqual(expected);
    }

    private static ReadOnlySpan<byte> Pickle(MappedFile file, StoredBlock block)
    {
        var longest = block.Deflated ? LongestInflatedPickle : PickleMachine.LongestPickle;
        if (block.Length > longest)
        {
            throw new WeightsException($"{file.Path}: {block.Title} has {block.Length} bytes, expected at most {longest}; " +
                "save model.state_dict() without what is beside it");
        }

        if (!block.Deflated) return block.View(file, 0, (int)block.Length);
        var pickle = new byte[block.Length];
        using var contents = block.Open(file);
        contents.ReadExactly(pickle);
        return pickle;
    }

    /// <summary>
    /// Reads a file without its directory, which stands at the end. The pickle comes first and ends by itself; it tells the lengths of the
    /// storages, which follow one after the other.
    /// </summary>
    private static TorchContents ReadCut(MappedFile file)
    {
        if (ZipDirectory.HeaderAt(file, 0) is not { Method: 0 } first || !first.Name.EndsWith(PickleName, StringComparison.Ordinal))
            throw new WeightsException($"{file.Path}: the file is cut short and does not begin with its pickle; download or copy it again");
        var pickle = file.BytesFrom(first.Offset, PickleMachine.LongestPickle);
        var machine = new PickleMachine(file.Path, pickle);
        var root = machine.Run();
        var checksum = Crc32.Append(0, pickle[..machine.Position]);
        var (end, expected) = ((long?)(first.Offset + machine.Position), first.Checksum);
        if (first.LengthsFollow) end = ZipDirectory.DescriptorEnd(file, first.Offset + machine.Position, out expected);
        if (end is not null && expected != checksum)
        {
            throw new WeightsException($"{file.Path}: its pickle has the checksum {checksum:x8}, expected {expected:x8}; " +
                "download or copy it again");
        }

        var folder = first.Name[..^PickleName.Length] + "/data/";
        var blocks = new Dictionary<string, StoredBlock>();
        while (end is { } start && ZipDirectory.HeaderAt(file, start) is { Method: 0 } header)
        {
            var (name, at) = (header.Name, header.Offset);
            var key = name.StartsWith(folder, StringComparison.Ordinal) ? name[folder.Length..] : "";
            if (machine.Storages.TryGetValue(key, out var storage))
            {
                var length = storage.ByteLength;
                if (length > file.Length - at) break;
                blocks.TryAdd(key, new StoredBlock("entry", name, at, length, length, deflated: false, checksum: null));
                end = header.LengthsFollow ? ZipDirectory.DescriptorEnd(file, at + length, out _) : at + length;
                continue;
            }

            end = header.LengthsFollow ? null : at + header.StoredLength;
            for (var length = 0; length < LongestSmallEntry && end is null; length++)
                end = ZipDirectory.DescriptorEnd(file, at + length, out _);
        }

        return new TorchContents(root, blocks, IsCut: true);
    }
}
