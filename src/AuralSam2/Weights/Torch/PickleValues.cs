namespace AuralSam2.Weights.Torch;

// What a pickle builds here. None, numbers and text are null, bool, long, BigInteger, double and string. None of these is a record: a
// hostile pickle may hold itself, and nothing may walk it by accident.

/// <summary>A tuple.</summary>
internal sealed class PickleTuple(object?[] items)
{
    public static PickleTuple Empty { get; } = new([]);

    public object?[] Items => items;
}

/// <summary>A list.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A dictionary, in the order it was written. A key that was written twice is there twice.</summary>
internal sealed class PickleDictionary
{
    public List<KeyValuePair<object?, object?>> Entries { get; } = [];
}

/// <summary>Something that no tensor needs: only that it was there is kept.</summary>
/// <param name="kind">What it was, such as <c>argparse.Namespace</c>.</param>
internal sealed class PickleInert(string kind)
{
    public string Kind => kind;
}

/// <summary>A run of numbers in the file that tensors look into.</summary>
/// <param name="key">Its name among the storages.</param>
/// <param name="dtype">Type of its elements.</param>
/// <param name="elements">How many; their bytes fit in 63 bits.</param>
internal sealed class TorchStorage(string key, SafetensorsDType dtype, long elements)
{
    public string Key => key;

    public SafetensorsDType DType => dtype;

    public long Elements => elements;

    public long ByteLength => elements * dtype.ByteSize();
}

/// <summary>A tensor as the pickle claims it, unchecked.</summary>
/// <param name="storage">Where its elements are.</param>
/// <param name="offset">Element of the storage that comes first.</param>
/// <param name="size">Dimensions, outermost first.</param>
/// <param name="stride">Elements between neighbours along each dimension; as many as dimensions.</param>
internal sealed class TorchTensor(TorchStorage storage, long offset, long[] size, long[] stride)
{
    public TorchStorage Storage => storage;

    public long Offset => offset;

    public long[] Size => size;

    public long[] Stride => stride;
}
