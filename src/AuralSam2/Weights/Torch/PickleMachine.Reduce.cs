namespace AuralSam2.Weights.Torch;

/// <summary>What names mean, and the values that are made of their arguments.</summary>
internal ref partial struct PickleMachine
{
    /// <summary>Dimensions; PyTorch itself stops at 64.</summary>
    private const int HighestRank = 64;

    private readonly TorchGlobal Global(string module, string name) =>
        TorchGlobal.Find(module, name) ??
        throw new WeightsException($"{file}: its pickle asks for {WeightsException.Quote(module + "." + name)} (byte {instruction}), " +
            "which no tensor needs, so nothing was loaded or run; Python would run it: " +
            "use checkpoints from people you trust, saved as a state dict");

    private TorchGlobal StackGlobal()
    {
        var name = Pop();
        var module = Pop();
        return module is string m && name is string n ? Global(m, n) : throw Broken("a name that it asks for is no string");
    }

    /// <summary>A storage: <c>('storage', type, key, device, elements)</c>, in old files with a sixth that is None.</summary>
    private TorchStorage PersistentId()
    {
        if (Pop() is not PickleTuple { Items: { Length: 5 or 6 } id } || id[0] is not "storage")
            throw Broken("it refers to something outside that is no storage");
        if (id[1] is not TorchGlobal { Kind: TorchGlobalKind.Storage } type || id[2] is not string key || id[4] is not long elements)
            throw Broken("a storage is described in an unknown way");
        if (id.Length == 6 && id[5] is not null) throw Broken("a storage is a part of another, as PyTorch before 0.4 wrote them");
        if (elements < 0 || elements > long.MaxValue / type.DType.ByteSize()) throw Broken($"a storage has {elements} elements");
        if (Storages.TryGetValue(key, out var known))
        {
            if (known.DType == type.DType && known.Elements == elements) return known;
            throw Broken($"storage {WeightsException.Quote(key)} is described twice, in two ways");
        }

        Charge(160);
        var storage = new TorchStorage(key, type.DType, elements);
        Storages.Add(key, storage);
        return storage;
    }

    private void Reduce()
    {
        var arguments = Pop();
        var callable = Pop();
        if (callable is not TorchGlobal global || arguments is not PickleTuple { Items: var items })
            throw Broken($"it calls {Kind(callable)} with {Kind(arguments)}");
        Push(Make(global, items));
    }

    private object? Make(TorchGlobal global, object?[] arguments) => global.Kind switch
    {
        TorchGlobalKind.OrderedDictionary when arguments.Length == 0 => Charged(56, new PickleDictionary()),
        TorchGlobalKind.OrderedDictionary when arguments is [PickleList pairs] => Dictionary(pairs),
        TorchGlobalKind.Tensor when arguments.Length == 4 => Tensor(arguments),
        TorchGlobalKind.TensorV2 when arguments.Length is 6 or 7 => Tensor(arguments),
        TorchGlobalKind.Parameter when arguments is [TorchTensor tensor, bool, ..] && arguments.Length is 3 or 4 => tensor,
        TorchGlobalKind.TensorWithAttributes when arguments is [TorchGlobal inner, TorchGlobal type, PickleTuple { Items: var items }, _] &&
            inner.Kind is TorchGlobalKind.Tensor or TorchGlobalKind.TensorV2 or TorchGlobalKind.Parameter &&
            type.Kind == TorchGlobalKind.TensorType => Make(inner, items),
        TorchGlobalKind.Size when arguments is [PickleTuple size] => size,
        TorchGlobalKind.Inert => Charged(24, new PickleInert(global.Title)),
        _ => throw Broken($"{global.Title} is given arguments that it does not take"),
    };

    /// <summary>Python 2's way to write an ordered dictionary: a list of pairs.</summary>
    private PickleDictionary Dictionary(PickleList pairs)
    {
        Charge(56 + (48 * pairs.Items.Count));
        var dictionary = new PickleDictionary();
        foreach (var pair in pairs.Items)
        {
            dictionary.Entries.Add(pair switch
            {
                PickleTuple { Items: [var key, var value] } => new(key, value),
                PickleList { Items: [var key, var value] } => new(key, value),
                _ => throw Broken($"an ordered dictionary is made of {Kind(pair)}, not of pairs"),
            });
        }

        return dictionary;
    }

    private TorchTensor Tensor(object?[] arguments)
    {
        if (arguments is not [TorchStorage storage, long offset, PickleTuple size, PickleTuple stride, ..])
            throw Broken("a tensor is described in an unknown way");
        var (sizes, strides) = (Integers(size), Integers(stride));
        if (sizes.Length != strides.Length) throw Broken($"a tensor has {sizes.Length} dimensions and {strides.Length} strides");
        Charge(64);
        return new TorchTensor(storage, offset, sizes, strides);
    }

    private long[] Integers(PickleTuple tuple)
    {
        if (tuple.Items.Length > HighestRank) throw Broken($"a tensor has {tuple.Items.Length} dimensions");
        Charge(24 + (8 * tuple.Items.Length));
        var values = new long[tuple.Items.Length];
        for (var i = 0; i < values.Length; i++)
            values[i] = tuple.Items[i] is long value ? value : throw Broken($"a shape holds {Kind(tuple.Items[i])}");
        return values;
    }

    /// <summary>Attributes of a dictionary (PyTorch notes versions of modules there) or of something inert: not needed.</summary>
    private void Build()
    {
        var state = Pop();
        if (Top() is not (PickleDictionary or PickleInert)) throw Broken($"{Kind(state)} becomes the state of {Kind(Top())}");
    }

    private static string Kind(object? value) => value switch
    {
        null => "None",
        bool => "a boolean",
        string => "a string",
        PickleTuple => "a tuple",
        PickleList => "a list",
        PickleDictionary => "a dictionary",
        PickleInert inert => inert.Kind,
        TorchStorage => "a storage",
        TorchTensor => "a tensor",
        TorchGlobal global => global.Title,
        _ => "a number",
    };
}
