namespace AuralSam2.Weights.Torch;

/// <summary>One tensor of a checkpoint, known to lie within its storage.</summary>
/// <param name="Name">Name in the state dict.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="ByteLength">Bytes of its elements.</param>
/// <param name="Tensor">What the pickle says of it.</param>
internal sealed record TorchEntry(string Name, SafetensorsDType DType, IReadOnlyList<int> Shape, long ByteLength, TorchTensor Tensor)
    : WeightEntry(Name, DType, Shape, ByteLength)
{
    /// <summary>
    /// Elements that a tensor may have beyond those of its storage, by repeating them (stride 0): a small file must not fill a disk.
    /// </summary>
    private const long MostRepeated = 1 << 20;

    /// <summary>Whether it is all of its storage, in the storage's order: as nearly every tensor is.</summary>
    public bool IsWholeStorage
    {
        get
        {
            if (Tensor.Offset != 0 || Elements != Tensor.Storage.Elements) return false;
            var step = 1L;
            for (var d = Shape.Count - 1; d >= 0; d--)
            {
                if (Shape[d] != 1 && Tensor.Stride[d] != step) return false;
                step *= Shape[d];
            }

            return true;
        }
    }

    /// <summary>Elements of the storage from the first to the last that a tensor with elements uses.</summary>
    public long Extent => 1 + Tensor.Size.Zip(Tensor.Stride, (size, stride) => (size - 1) * stride).Sum();

    /// <summary>Checks a tensor against its storage.</summary>
    /// <param name="file">Name for messages.</param>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="tensor">What the pickle claims.</param>
    /// <exception cref="WeightsException">It has an impossible shape, or elements outside its storage.</exception>
    public static TorchEntry Of(string file, string name, TorchTensor tensor)
    {
        var storage = tensor.Storage;
        var shape = new int[tensor.Size.Length];
        Int128 elements = 1, last = tensor.Offset;
        for (var d = 0; d < shape.Length; d++)
        {
            var (size, stride) = (tensor.Size[d], tensor.Stride[d]);
            if (size is < 0 or > int.MaxValue) throw Broken($"has a dimension of {size}");
            if (stride < 0) throw Broken($"has a stride of {stride}");
            shape[d] = (int)size;
            if (elements < long.MaxValue) elements *= size;
            last += (Int128)(size - 1) * stride;
        }

        if (tensor.Offset < 0 || tensor.Offset > storage.Elements) throw Broken($"starts at element {tensor.Offset} of {storage.Elements}");
        if (elements > 0 && last >= storage.Elements)
        {
            throw Broken($"{TensorShape.Text(shape)} reaches element {last} of storage {WeightsException.Quote(storage.Key)}, " +
                $"which has {storage.Elements}");
        }

        if (elements > Math.Max(storage.Elements, MostRepeated))
            throw Broken($"{TensorShape.Text(shape)} repeats the {storage.Elements} elements of its storage more often than weights do");
        return new TorchEntry(name, storage.DType, shape, (long)elements * storage.DType.ByteSize(), tensor);

        WeightsException Broken(string what) => new($"{file}: tensor {WeightsException.Quote(name)} {what}; " +
            "the file is damaged or not a PyTorch checkpoint, download or export it again");
    }
}
