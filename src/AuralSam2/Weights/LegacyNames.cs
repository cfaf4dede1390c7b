using System.Globalization;

namespace AuralSam2.Weights;

/// <summary>
/// AuralFuser's parameters under the names they have had (SPEC 12): numbered modules before there were lists of them, and in some
/// checkpoints a second time as entries of the list of trained layers.
/// </summary>
internal static class LegacyNames
{
    /// <summary>What comes before the number of a module, and the list that holds it now.</summary>
    private static readonly (string Stem, string List, int Count)[] NumberedModules =
    [
        ("train_f_patch_embed", "patch_embeds", 3), ("train_f_a_block", "fusion_modules", 3), ("train_f_block", "f_blocks", 3),
        ("train_a_block", "a_blocks", 3), ("train_smooth", "smooth_convs", 2),
    ];

    /// <summary>What the Ref-AVS checkpoints keep at each place of the list of trained layers.</summary>
    private static readonly string[] TrainedLayers =
    [
        "patch_embeds.0", "patch_embeds.1", "patch_embeds.2",
        "f_blocks.0", "a_blocks.0", "fusion_modules.0",
        "f_blocks.1", "a_blocks.1", "fusion_modules.1",
        "f_blocks.2", "a_blocks.2", "fusion_modules.2",
        "smooth_convs.0", "smooth_convs.1", "train_proj_v1", "train_proj_a1", "text_proj",
    ];

    private static readonly string[] FirstSegments =
    [
        "vgg", "patch_embeds", "f_blocks", "a_blocks", "fusion_modules", "smooth_convs", "train_proj_v1", "train_proj_a1", "text_proj",
        "training_layers", "finetuning_layers",
    ];

    /// <summary>Whether a name without prefix is one of AuralFuser's, past or present.</summary>
    public static bool IsFusers(string name)
    {
        var (first, _) = Split(name);
        return FirstSegments.Contains(first) || Numbered(first) is not null;
    }

    /// <summary>Whether a name belongs to the entries of the lists of trained and tuned layers.</summary>
    public static bool IsListed(string name) => Split(name).First is "training_layers" or "finetuning_layers";

    /// <summary>Whether only Ref-AVS checkpoints have the name: that of the projection of words.</summary>
    public static bool IsOfRef(string name) =>
        name.StartsWith("text_proj.", StringComparison.Ordinal) || name.StartsWith("training_layers.16.", StringComparison.Ordinal);

    /// <summary>Today's name, without prefix, of a parameter of AuralFuser. A name that is today's or unknown stays as it is.</summary>
    public static string Today(string name)
    {
        var (first, rest) = Split(name);
        if (Numbered(first) is { } module) return Join(module, rest);
        if (!IsListed(name)) return name;
        var (number, inner) = Split(rest);
        if (first == "finetuning_layers") return number == "0" ? Join("vgg", inner) : name;
        var isPlace = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var place) && place < TrainedLayers.Length;
        return isPlace ? Join(TrainedLayers[place], inner) : name;
    }

    private static string? Numbered(string segment)
    {
        foreach (var (stem, list, count) in NumberedModules)
        {
            if (segment.Length != stem.Length + 1 || !segment.StartsWith(stem, StringComparison.Ordinal)) continue;
            var number = segment[^1] - '1';
            if (number >= 0 && number < count) return $"{list}.{number}";
        }

        return null;
    }

    private static (string First, string Others) Split(string name)
    {
        var dot = name.IndexOf('.');
        return dot < 0 ? (name, "") : (name[..dot], name[(dot + 1)..]);
    }

    private static string Join(string module, string rest) => rest.Length == 0 ? module : $"{module}.{rest}";
}
