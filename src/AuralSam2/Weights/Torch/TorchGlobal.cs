namespace AuralSam2.Weights.Torch;

/// <summary>What the machine does for a constructor that a pickle names.</summary>
internal enum TorchGlobalKind
{
    /// <summary>A type of storage; never called, named by persistent ids.</summary>
    Storage,

    /// <summary>A type that only stands as an argument.</summary>
    TensorType,

    /// <summary>A dictionary that keeps its order.</summary>
    OrderedDictionary,

    /// <summary>A tensor: storage, offset, size, stride.</summary>
    Tensor,

    /// <summary>A tensor, and whether it wants a gradient, and its hooks.</summary>
    TensorV2,

    /// <summary>A tensor that is trained: the tensor, and how.</summary>
    Parameter,

    /// <summary>A tensor with attributes of its own: another constructor, its type, its arguments, the attributes.</summary>
    TensorWithAttributes,

    /// <summary>A shape: the tuple it is made of.</summary>
    Size,

    /// <summary>Something that no tensor needs.</summary>
    Inert,
}

/// <summary>
/// A name that a pickle may ask for. There is no code behind it: the machine knows what each kind means, and knows no other.
/// </summary>
/// <param name="Module">Python module.</param>
/// <param name="Name">Name in the module.</param>
/// <param name="Kind">What it means.</param>
/// <param name="DType">Element type of a storage.</param>
internal sealed record TorchGlobal(string Module, string Name, TorchGlobalKind Kind, SafetensorsDType DType = default)
{
    private static readonly Dictionary<(string Module, string Name), TorchGlobal> All = new TorchGlobal[]
    {
        Storage("FloatStorage", SafetensorsDType.F32),
        Storage("HalfStorage", SafetensorsDType.F16),
        Storage("BFloat16Storage", SafetensorsDType.BF16),
        Storage("DoubleStorage", SafetensorsDType.F64),
        Storage("LongStorage", SafetensorsDType.I64),
        Storage("IntStorage", SafetensorsDType.I32),
        Storage("ShortStorage", SafetensorsDType.I16),
        Storage("CharStorage", SafetensorsDType.I8),
        Storage("ByteStorage", SafetensorsDType.U8),
        Storage("BoolStorage", SafetensorsDType.Bool),
        new("torch._utils", "_rebuild_tensor", TorchGlobalKind.Tensor),
        new("torch._utils", "_rebuild_tensor_v2", TorchGlobalKind.TensorV2),
        new("torch._utils", "_rebuild_parameter", TorchGlobalKind.Parameter),
        new("torch._utils", "_rebuild_parameter_with_state", TorchGlobalKind.Parameter),
        new("torch._tensor", "_rebuild_from_type_v2", TorchGlobalKind.TensorWithAttributes),
        new("torch", "Tensor", TorchGlobalKind.TensorType),
        new("torch.nn.parameter", "Parameter", TorchGlobalKind.TensorType),
        new("torch", "Size", TorchGlobalKind.Size),
        new("torch", "device", TorchGlobalKind.Inert),
        new("collections", "OrderedDict", TorchGlobalKind.OrderedDictionary),

        // What training scripts keep beside the weights: their arguments, and scores that are numpy's scalars.
        new("argparse", "Namespace", TorchGlobalKind.Inert),
        new("_codecs", "encode", TorchGlobalKind.Inert),
        new("numpy", "dtype", TorchGlobalKind.Inert),
        new("numpy.core.multiarray", "scalar", TorchGlobalKind.Inert),
        new("numpy._core.multiarray", "scalar", TorchGlobalKind.Inert),
    }.ToDictionary(global => (global.Module, global.Name));

    /// <summary>Its full name.</summary>
    public string Title => $"{Module}.{Name}";

    /// <summary>The constructor of exactly this name; <c>null</c> for everything else that Python could import.</summary>
    public static TorchGlobal? Find(string module, string name) => All.GetValueOrDefault((module, name));

    private static TorchGlobal Storage(string name, SafetensorsDType dtype) => new("torch", name, TorchGlobalKind.Storage, dtype);
}
