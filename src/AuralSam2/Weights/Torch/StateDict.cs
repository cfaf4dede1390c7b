namespace AuralSam2.Weights.Torch;

/// <summary>
/// The named tensors of a checkpoint. People save them bare, or under a key beside the state of their training; optimizer, epoch and the
/// like are noted and left.
/// </summary>
/// <param name="Location">Keys that lead to it, such as <c>model</c>; empty for a bare one.</param>
/// <param name="Tensors">The tensors, in the order of the file.</param>
/// <param name="Ignored">What lies beside, by name.</param>
internal sealed record StateDict(string Location, IReadOnlyList<TorchEntry> Tensors, IReadOnlyList<string> Ignored)
{
    /// <summary>Keys by which checkpoints hold their weights; the first that is there counts.</summary>
    private static readonly string[] WeightKeys = ["model", "state_dict", "model_state_dict", "model_state", "network", "net", "module"];

    /// <summary>Steps from the outermost dictionary to the weights; genuine checkpoints take one or two.</summary>
    private const int DeepestNesting = 8;

    /// <summary>Times that all storages together may be read by all tensors together; tied weights count twice.</summary>
    private const int MostSharing = 16;

    /// <summary>Bytes that any file may give, however small its storages.</summary>
    private const long FreeSharing = 64 << 20;

    /// <summary>Finds the state dict in what a pickle describes.</summary>
    /// <param name="file">Name for messages.</param>
    /// <param name="root">What the pickle describes.</param>
    /// <exception cref="WeightsException">It holds no state dict, more than one, or a broken one.</exception>
    public static StateDict Find(string file, object? root)
    {
        var (path, ignored) = (new List<string>(), new List<string>());
        if (root is not PickleDictionary dictionary)
        {
            throw new WeightsException($"{file}: holds {(root is TorchTensor ? "a tensor without a name" : "no dictionary")}, " +
                "expected a state dict; save model.state_dict()");
        }

        while (!HoldsTensors(dictionary))
        {
            if (path.Count == DeepestNesting)
                throw new WeightsException($"{file}: its dictionaries are nested too deep; save model.state_dict()");
            var (key, inner) = Choose(file, dictionary);
            ignored.AddRange(Others(dictionary, key));
            path.Add(key);
            dictionary = inner;
        }

        ignored.AddRange(Others(dictionary, null));
        return new StateDict(string.Join('.', path), Collect(file, dictionary), ignored);
    }

    private static bool HoldsTensors(PickleDictionary dictionary) =>
        dictionary.Entries.Exists(entry => entry is { Key: string, Value: TorchTensor });

    /// <summary>The entry that leads on to the weights: one of the usual keys, or the only one with tensors.</summary>
    private static (string Key, PickleDictionary Inner) Choose(string file, PickleDictionary dictionary)
    {
        var inner = dictionary.Entries
            .Where(entry => entry is { Key: string, Value: PickleDictionary })
            .Select(entry => (Key: (string)entry.Key!, Inner: (PickleDictionary)entry.Value!))
            .ToList();
        foreach (var usual in WeightKeys)
        {
            var found = inner.Where(entry => entry.Key == usual).ToList();
            if (found.Count > 1) throw new WeightsException($"{file}: the key '{usual}' is there {found.Count} times; the file is damaged");
            if (found.Count == 1) return found[0];
        }

        var holding = inner.Where(entry => HoldsTensors(entry.Inner)).ToList();
        if (holding.Count == 1) return holding[0];
        if (holding.Count == 0) throw new WeightsException($"{file}: holds no named tensors; save model.state_dict()");
        var keys = string.Join(", ", holding.Take(8).Select(entry => WeightsException.Quote(entry.Key)));
        throw new WeightsException($"{file}: holds several state dicts ({keys}) and none is called 'model' or 'state_dict'; " +
            "save one of them alone");
    }

    /// <summary>Names of the entries that are no weights.</summary>
    private static IEnumerable<string> Others(PickleDictionary dictionary, string? taken) => dictionary.Entries
        .Where(entry => entry is not { Key: string, Value: TorchTensor })
        .Select(entry => entry.Key as string ?? "(a key that is no name)")
        .Where(key => key != taken);

    private static List<TorchEntry> Collect(string file, PickleDictionary dictionary)
    {
        var entries = new Dictionary<string, TorchEntry>();
        var storages = new HashSet<TorchStorage>();
        var (used, held) = ((Int128)0, (Int128)0);
        foreach (var (key, value) in dictionary.Entries)
        {
            if (key is not string name || value is not TorchTensor tensor) continue;
            if (name.Length == 0) throw new WeightsException($"{file}: a tensor has an empty name; the file is damaged");
            var entry = TorchEntry.Of(file, name, tensor);
            if (!entries.TryAdd(name, entry))
                throw new WeightsException($"{file}: tensor {WeightsException.Quote(name)} is there twice; the file is damaged");
            used += entry.ByteLength;
            if (storages.Add(tensor.Storage)) held += tensor.Storage.ByteLength;
        }

        if (used > FreeSharing && used > held * MostSharing)
        {
            throw new WeightsException($"{file}: its tensors have {used} bytes out of storages of {held}, which weights never do; " +
                "the file is damaged");
        }

        return [.. entries.Values];
    }
}
