namespace AuralSam2.Weights;

/// <summary>
/// Which parameter of the model each tensor of a file is. Files name the same parameter differently: with the prefix of a training
/// wrapper, with or without that of its part, or as an earlier version of the published code did. The official names, which our models
/// ask for, are those of SAM2's state dict and <c>aural_fuser....</c> and <c>t_model....</c>
/// </summary>
public sealed class KeyMap
{
    /// <summary>Prefix of AuralFuser's parameters.</summary>
    internal const string FuserPrefix = "aural_fuser.";

    /// <summary>Prefix of VGGish's parameters, within AuralFuser's.</summary>
    internal const string VggishPrefix = "aural_fuser.vgg.";

    /// <summary>Prefix of the text encoder's parameters.</summary>
    internal const string TextPrefix = "t_model.";

    /// <summary>Prefix of the state of an optimizer, which a checkpoint of a training run holds beside its parameters.</summary>
    internal const string OptimizerPrefix = "optimizer.";

    private const string Sam2Prefix = "v_model.";
    private const string LegacyFuserPrefix = "audio_prompter.";

    /// <summary>Added to every name by what people wrap around a model to train it: data parallelism, the compiler, Lightning.</summary>
    private static readonly string[] Wrappers = ["module.", "_orig_mod.", "model."];

    private static readonly HashSet<string> Sam2Modules =
    [
        "image_encoder", "memory_attention", "memory_encoder", "sam_prompt_encoder", "sam_mask_decoder", "mask_downsample",
        "obj_ptr_proj", "obj_ptr_tpos_proj", "maskmem_tpos_enc", "no_mem_embed", "no_mem_pos_enc", "no_obj_ptr", "no_obj_embed_spatial",
    ];

    private readonly Dictionary<string, WeightEntry> parameters = [];
    private readonly List<WeightEntry> dropped = [];

    private KeyMap(WeightFile file)
    {
        var wrapper = Wrapper(file.Names);
        var names = file.Entries.Select(entry => (Name: entry.Name[wrapper.Length..], Entry: entry)).ToList();
        var isVggish = IsShape(names, "features.0.weight", [64, 1, 3, 3]) && IsShape(names, "embeddings.4.weight", [128, 4096]);
        var isRef = names.Any(pair => FusersName(pair.Name) is { } local && LegacyNames.IsOfRef(local));

        var second = new List<(string Name, WeightEntry Entry)>();
        foreach (var (name, entry) in names)
        {
            var local = FusersName(name);
            if (local is not null && LegacyNames.IsListed(local)) second.Add((FuserPrefix + LegacyNames.Today(local), entry));
            else if (isVggish && name.StartsWith("pproc.", StringComparison.Ordinal)) dropped.Add(entry);
            else if (name.StartsWith(OptimizerPrefix, StringComparison.Ordinal)) dropped.Add(entry);
            else Add(file, OfficialName(name, local, isVggish), entry);
        }

        // AVS checkpoints list their layers beside their names; the Ref ones may have the list alone.
        foreach (var (name, entry) in second)
            if (!isRef || !parameters.TryAdd(name, entry)) dropped.Add(entry);
        Kind = CheckpointKind.Of(parameters);
    }

    /// <summary>What the file is.</summary>
    public CheckpointKind Kind { get; }

    /// <summary>The tensors by their official names; a name that no part knows stays as it is.</summary>
    public IReadOnlyDictionary<string, WeightEntry> Parameters => parameters;

    /// <summary>
    /// Tensors that no model needs: the same layers under a second name, the postprocessing that VGGish comes with, or an optimizer's state.
    /// </summary>
    public IReadOnlyList<WeightEntry> Dropped => dropped;

    /// <summary>Maps the tensors of a file.</summary>
    /// <exception cref="WeightsException">Two tensors are the same parameter.</exception>
    public static KeyMap Of(WeightFile file) => new(file);

    /// <summary>The part that an official name belongs to.</summary>
    public static WeightParts PartOf(string name)
    {
        if (name.StartsWith(VggishPrefix, StringComparison.Ordinal)) return WeightParts.Vggish;
        if (name.StartsWith(FuserPrefix, StringComparison.Ordinal)) return WeightParts.Fuser;
        if (name.StartsWith(TextPrefix, StringComparison.Ordinal)) return WeightParts.Text;
        return IsSam2s(name) ? WeightParts.Sam2 : WeightParts.None;
    }

    /// <summary>The longest run of wrappers' prefixes that every name has.</summary>
    private static string Wrapper(IReadOnlyCollection<string> names)
    {
        var wrapper = "";
        if (names.Count == 0) return wrapper;
        while (Array.Find(Wrappers, next => names.All(name => IsWithin(name, wrapper + next))) is { } found) wrapper += found;
        return wrapper;

        static bool IsWithin(string name, string prefix) => name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.Ordinal);
    }

    /// <summary>A name within AuralFuser, or null.</summary>
    private static string? FusersName(string name)
    {
        if (name.StartsWith(FuserPrefix, StringComparison.Ordinal)) return name[FuserPrefix.Length..];
        if (name.StartsWith(LegacyFuserPrefix, StringComparison.Ordinal)) return name[LegacyFuserPrefix.Length..];
        return LegacyNames.IsFusers(name) ? name : null;
    }

    private static string OfficialName(string name, string? local, bool isVggish)
    {
        if (local is not null) return FuserPrefix + LegacyNames.Today(local);
        if (name.StartsWith(Sam2Prefix, StringComparison.Ordinal) && IsSam2s(name[Sam2Prefix.Length..])) return name[Sam2Prefix.Length..];
        var isVggishs = name.StartsWith("features.", StringComparison.Ordinal) || name.StartsWith("embeddings.", StringComparison.Ordinal);
        return isVggish && isVggishs ? VggishPrefix + name : name;
    }

    private static bool IsSam2s(string name) => Sam2Modules.Contains(name.Split('.', 2)[0]);

    private static bool IsShape(List<(string Name, WeightEntry Entry)> names, string name, int[] shape) =>
        names.Find(pair => pair.Name == name).Entry is { } entry && entry.Shape.SequenceEqual(shape);

    private void Add(WeightFile file, string name, WeightEntry entry)
    {
        if (parameters.TryAdd(name, entry)) return;
        var (first, second) = (WeightsException.Quote(parameters[name].Name), WeightsException.Quote(entry.Name));
        throw new WeightsException($"{file.Path}: tensors {first} and {second} are both {WeightsException.Quote(name)}; " +
            "leave out one of the two");
    }
}
