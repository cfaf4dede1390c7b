namespace AuralSam2.Tests.Weights.Torch;

/// <summary>A storage: its key, PyTorch's name for its type, and its bytes.</summary>
internal sealed record WrittenStorage(string Key, string Type, byte[] Bytes)
{
    public int ElementSize => Type switch
    {
        "DoubleStorage" or "LongStorage" => 8,
        "FloatStorage" or "IntStorage" => 4,
        "HalfStorage" or "BFloat16Storage" or "ShortStorage" => 2,
        _ => 1,
    };

    public long Elements => Holes > 0 ? Holes : Bytes.Length / ElementSize;

    /// <summary>Elements of a storage whose bytes are holes on the disk; see <see cref="SparseFiles"/>.</summary>
    public long Holes { get; init; }

    public static WrittenStorage Floats(string key, params float[] values) =>
        new(key, "FloatStorage", [.. values.SelectMany(BitConverter.GetBytes)]);

    /// <summary>0, 1, 2 and so on.</summary>
    public static WrittenStorage Counting(string key, int count) => Floats(key, [.. Enumerable.Range(0, count).Select(i => (float)i)]);
}

/// <summary>Writes checkpoints as torch.save does, and tensors as it pickles them.</summary>
internal static class TorchWriter
{
    public static readonly PickledName RebuildTensor = new("torch._utils", "_rebuild_tensor_v2");

    private static readonly PickledCall NoHooks = new(new PickledName("collections", "OrderedDict"));

    /// <summary>A tensor; without strides it is contiguous.</summary>
    public static PickledCall Tensor(WrittenStorage storage, int[] size, long offset = 0, int[]? stride = null) =>
        new(RebuildTensor, Reference(storage), offset, Tuple(size), Tuple(stride ?? Contiguous(size)), false, NoHooks);

    /// <summary>A tensor that is trained.</summary>
    public static PickledCall Parameter(PickledCall tensor) => new(new PickledName("torch._utils", "_rebuild_parameter"), tensor, true, NoHooks);

    /// <summary>What stands for a storage in a pickle.</summary>
    public static PickledReference Reference(WrittenStorage storage) =>
        new("storage", new PickledName("torch", storage.Type), storage.Key, "cpu", storage.Elements);

    /// <summary>A dictionary of names.</summary>
    public static PickledDictionary Dictionary(params (object Key, object? Value)[] entries) => new(entries);

    /// <summary>A state dict as modules make it.</summary>
    public static PickledDictionary StateDict(params (object Key, object? Value)[] entries) =>
        new(entries, Ordered: true, State: Dictionary(("_metadata", new PickledDictionary([("", Dictionary(("version", 1)))], Ordered: true))));

    /// <summary>The entries of the zip layout.</summary>
    public static List<ZippedFile> Entries(
        object? root, IEnumerable<WrittenStorage> storages,
        string folder = "archive", int protocol = 2, Func<ZippedFile, ZippedFile>? change = null)
    {
        var files = new List<ZippedFile>
        {
            new($"{folder}/data.pkl", PickleWriter.Write(root, protocol)),
            new($"{folder}/byteorder", "little"u8.ToArray()),
        };
        files.AddRange(storages.Select(storage => new ZippedFile($"{folder}/data/{storage.Key}", storage.Bytes)));
        files.Add(new ZippedFile($"{folder}/version", "3\n"u8.ToArray()));
        return [.. files.Select(change ?? (file => file with { LengthsFollow = true }))];
    }

    /// <summary>A checkpoint in the zip layout.</summary>
    public static byte[] Zip(object? root, params IEnumerable<WrittenStorage> storages) =>
        ZipWriter.Write(Entries(root, storages), zip64End: true);

    /// <summary>A checkpoint in the layout before PyTorch 1.6.</summary>
    public static byte[] Legacy(object? root, params IEnumerable<WrittenStorage> storages) => Legacy(root, [.. storages], 2);

    /// <param name="root">What is saved.</param>
    /// <param name="storages">Storages in the order of the file.</param>
    /// <param name="protocol">Protocol of the pickles.</param>
    /// <param name="keys">Keys of the storages that the file claims.</param>
    /// <param name="littleEndian">What it claims of its machine.</param>
    /// <param name="version">Version of the layout.</param>
    public static byte[] Legacy(
        object? root, IReadOnlyList<WrittenStorage> storages, int protocol,
        List<object?>? keys = null, bool littleEndian = true, int version = 1001)
    {
        var file = new MemoryStream();
        file.Write([0x80, (byte)protocol, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.']);
        file.Write(PickleWriter.Write(version, protocol));
        file.Write(PickleWriter.Write(Dictionary(("protocol_version", version), ("little_endian", littleEndian)), protocol));
        file.Write(PickleWriter.Write(root, protocol, legacy: true));
        file.Write(PickleWriter.Write(keys ?? [.. storages.Select(storage => storage.Key)], protocol));
        foreach (var storage in storages)
        {
            file.Write(BitConverter.GetBytes(storage.Elements));
            file.Write(storage.Bytes);
        }

        return file.ToArray();
    }

    /// <summary>Strides of a tensor without gaps.</summary>
    public static int[] Contiguous(int[] size)
    {
        var stride = new int[size.Length];
        for (int d = size.Length - 1, step = 1; d >= 0; d--)
        {
            stride[d] = step;
            step *= Math.Max(1, size[d]);
        }

        return stride;
    }

    private static object?[] Tuple(int[] values) => [.. values.Select(value => (object?)value)];
}
