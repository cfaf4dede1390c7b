using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;

namespace AuralSam2.Weights;

/// <summary>What a set of tensors is, judged by their official names and shapes.</summary>
/// <param name="Parts">The parts of which there is anything.</param>
/// <param name="Model">Size of SAM2 (t, s, b+, l, mini); <c>null</c> without SAM2 and for a trunk that is none of these.</param>
/// <param name="Version">Release of SAM2; <c>null</c> without it.</param>
/// <param name="Variant">Whether AuralFuser takes language; <c>null</c> without it.</param>
/// <param name="Misfit">Why the parts do not make a model; <c>null</c> if they do, as far as they go.</param>
public sealed record CheckpointKind(WeightParts Parts, string? Model, Sam2Version? Version, FuserVariant? Variant, string? Misfit)
{
    /// <summary>How a person calls it: <c>SAM2.1 t</c>, <c>AuralFuser (AVS) with VGGish</c>, <c>AuralSAM2 (Ref) on SAM2 l</c>.</summary>
    public string Title
    {
        get
        {
            var sam2 = $"SAM2{(Version == Sam2Version.V21 ? ".1" : "")} {Model ?? "of unknown size"}";
            var fuser = $"({(Variant == FuserVariant.Ref ? "Ref" : "AVS")})";
            var text = Parts.HasFlag(WeightParts.Text) ? " with DistilRoBERTa" : "";
            return (Parts & ~WeightParts.Text) switch
            {
                WeightParts.None when text.Length > 0 => "DistilRoBERTa",
                WeightParts.None => "nothing of AuralSAM2",
                WeightParts.Sam2 => sam2 + text,
                WeightParts.Vggish => "VGGish" + text,
                WeightParts.Fuser => $"AuralFuser {fuser}{text}",
                WeightParts.Fuser | WeightParts.Vggish => $"AuralFuser {fuser} with VGGish{text}",
                WeightParts.Sam2 | WeightParts.Vggish => $"{sam2} with VGGish{text}",
                WeightParts.Sam2 | WeightParts.Fuser => $"AuralSAM2 {fuser} on {sam2} without VGGish{text}",
                _ => $"AuralSAM2 {fuser} on {sam2}{text}",
            };
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Title;

    /// <summary>Judges tensors by official name.</summary>
    internal static CheckpointKind Of(IReadOnlyDictionary<string, WeightEntry> tensors)
    {
        var parts = tensors.Keys.Aggregate(WeightParts.None, (all, name) => all | KeyMap.PartOf(name));
        string? model = null, misfit = null;
        Sam2Version? version = null;
        FuserVariant? variant = null;
        if (parts.HasFlag(WeightParts.Sam2))
        {
            version = tensors.ContainsKey("no_obj_embed_spatial") ? Sam2Version.V21 : Sam2Version.V20;
            var channels = tensors.GetValueOrDefault("image_encoder.trunk.patch_embed.proj.weight")?.Shape.FirstOrDefault() ?? 0;
            var blocks = Children(tensors, "image_encoder.trunk.blocks.");
            model = Sam2Config.Names.FirstOrDefault(name =>
                Sam2Config.Named(name).Trunk is var trunk && trunk.EmbedDim == channels && trunk.Blocks.Sum() == blocks);
            if (model is null)
                misfit = $"a trunk of {channels} channels and {blocks} blocks is none of {string.Join(", ", Sam2Config.Names)}";
        }

        if (parts.HasFlag(WeightParts.Fuser))
        {
            variant = Children(tensors, KeyMap.FuserPrefix + "text_proj.") > 0 ? FuserVariant.Ref : FuserVariant.Avs;
            var levels = Enumerable.Range(0, AuralFuser.Levels);
            int[] depths = [.. levels.Select(level => Children(tensors, $"{KeyMap.FuserPrefix}f_blocks.{level}."))];
            var expected = (model == "mini" ? FuserConfig.Mini(variant.Value) : FuserConfig.Published(variant.Value)).FrameDepths;
            if (model is not null && !depths.SequenceEqual(expected))
                misfit ??= $"AuralFuser has {Text(depths)} blocks on its levels, expected {Text(expected)} beside SAM2 {model}";
        }

        return new CheckpointKind(parts, model, version, variant, misfit);
    }

    private static string Text(int[] depths) => string.Join(", ", depths);

    /// <summary>Modules in a list: different next segments behind a prefix.</summary>
    private static int Children(IReadOnlyDictionary<string, WeightEntry> tensors, string prefix) => tensors.Keys
        .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
        .Select(name => name[prefix.Length..].Split('.', 2)[0])
        .Distinct()
        .Count();
}
