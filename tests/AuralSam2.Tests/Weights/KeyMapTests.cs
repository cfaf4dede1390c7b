using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Models.Fusion;
using AuralSam2.Models.Sam2;
using AuralSam2.Testing;
using AuralSam2.Weights;
using Xunit;

namespace AuralSam2.Tests.Weights;

/// <summary>Names of files, today's and earlier ones, to the names that our models ask for.</summary>
public sealed partial class KeyMapTests : IDisposable
{
    /// <summary>The list of trained layers in Ref-AVS checkpoints (SPEC 12), place by place.</summary>
    private static readonly string[] RefLayers =
    [
        "patch_embeds.0", "patch_embeds.1", "patch_embeds.2", "f_blocks.0", "a_blocks.0", "fusion_modules.0", "f_blocks.1", "a_blocks.1",
        "fusion_modules.1", "f_blocks.2", "a_blocks.2", "fusion_modules.2", "smooth_convs.0", "smooth_convs.1", "train_proj_v1",
        "train_proj_a1", "text_proj",
    ];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("t", Sam2Version.V20, "SAM2 t")]
    [InlineData("s", Sam2Version.V20, "SAM2 s")]
    [InlineData("b+", Sam2Version.V20, "SAM2 b+")]
    [InlineData("l", Sam2Version.V20, "SAM2 l")]
    [InlineData("t", Sam2Version.V21, "SAM2.1 t")]
    [InlineData("s", Sam2Version.V21, "SAM2.1 s")]
    [InlineData("b+", Sam2Version.V21, "SAM2.1 b+")]
    [InlineData("l", Sam2Version.V21, "SAM2.1 l")]
    [InlineData("mini", Sam2Version.V21, "SAM2.1 mini")]
    public void Every_SAM2_is_recognised_bare_and_wrapped(string model, Sam2Version version, string title)
    {
        var parameters = SparseFiles.Parameters(model, version).Of(WeightParts.Sam2);
        foreach (var prefix in (string[])["", "module.", "v_model.", "module.v_model.", "_orig_mod.module."])
        {
            var map = Map(parameters.Called(name => prefix + name));
            Assert.Equal(new CheckpointKind(WeightParts.Sam2, model, version, null, null), map.Kind);
            Assert.Equal(title, map.Kind.Title);
            Assert.Equal(parameters.Select(p => p.Name).Order(), map.Parameters.Keys.Order());
            Assert.All(map.Parameters, parameter => Assert.Equal(prefix + parameter.Key, parameter.Value.Name));
            Assert.Empty(map.Dropped);
        }
    }

    [Fact]
    public void Published_heads_of_files_are_recognised()
    {
        foreach (var (size, model) in ((string, string)[])[("tiny", "t"), ("large", "l")])
        {
            using var file = WeightFile.Open(Repository.SharedOrSkip("checkpoints", $"sam2.1_hiera_{size}.trunc.pt"));
            var kind = KeyMap.Of(file).Kind;
            Assert.Equal((WeightParts.Sam2, model, Sam2Version.V21), (kind.Parts, kind.Model, kind.Version));
        }
    }

    [Fact]
    public void Every_official_name_is_its_own()
    {
        foreach (var table in Directory.GetFiles(Repository.SharedOrSkip("params"), "*.tsv"))
        {
            var rows = File.ReadLines(table).Skip(1).Select(row => row.Split('\t')).ToArray();
            var map = Map([.. rows.Select(row => (row[0], JsonSerializer.Deserialize<int[]>(row[1])!))]);
            Assert.Equal(rows.Select(row => row[0]).Order(), map.Parameters.Keys.Order());
            Assert.DoesNotContain(map.Parameters.Keys, name => KeyMap.PartOf(name) == WeightParts.None);
            Assert.Null(map.Kind.Misfit);
        }
    }

    [Fact]
    public void VGGish_alone_is_recognised_and_its_postprocessing_dropped()
    {
        var parameters = SparseFiles.Parameters("mini").Of(WeightParts.Vggish);
        var map = Map([.. parameters.Called(name => name["aural_fuser.vgg.".Length..]), ("pproc.pca_means", [128, 1])]);
        Assert.Equal("VGGish", map.Kind.Title);
        Assert.Equal(parameters.Select(p => p.Name).Order(), map.Parameters.Keys.Order());
        Assert.Equal("pproc.pca_means", Assert.Single(map.Dropped).Name);
    }

    [Fact]
    public void Another_VGG_is_no_VGGish()
    {
        var map = Map([("features.0.weight", [64, 3, 3, 3]), ("embeddings.4.weight", [128, 4096]), ("classifier.0.weight", [4096, 25088])]);
        Assert.Equal((WeightParts.None, "nothing of AuralSAM2"), (map.Kind.Parts, map.Kind.Title));
        Assert.Contains("features.0.weight", map.Parameters.Keys);
    }

    [Theory]
    [InlineData("t", FuserVariant.Avs, WeightParts.Fuser | WeightParts.Vggish, "AuralFuser (AVS) with VGGish")]
    [InlineData("t", FuserVariant.Avs, WeightParts.Fuser, "AuralFuser (AVS)")]
    [InlineData("t", FuserVariant.Ref, WeightParts.Fuser | WeightParts.Vggish, "AuralFuser (Ref) with VGGish")]
    [InlineData("l", FuserVariant.Avs, WeightParts.Sam2 | WeightParts.Fuser | WeightParts.Vggish, "AuralSAM2 (AVS) on SAM2 l")]
    [InlineData("l", FuserVariant.Ref, WeightParts.Sam2 | WeightParts.Fuser, "AuralSAM2 (Ref) on SAM2 l without VGGish")]
    [InlineData("mini", FuserVariant.Avs, WeightParts.Sam2 | WeightParts.Vggish, "SAM2 mini with VGGish")]
    public void AuralFuser_is_recognised_under_every_name_it_had(string model, FuserVariant variant, WeightParts parts, string title)
    {
        var parameters = SparseFiles.Parameters(model, variant: variant).Of(parts);
        Func<string, string>[] renames =
            [name => name, Bare, Legacy, name => Bare(Legacy(name)), name => "module." + FullCheckpoint(Legacy(name))];
        foreach (var rename in renames)
        {
            var map = Map(parameters.Called(rename));
            Assert.Equal((title, parts), (map.Kind.Title, map.Kind.Parts));
            Assert.Equal(parts.HasFlag(WeightParts.Fuser) ? variant : null, map.Kind.Variant);
            Assert.Equal(parameters.Select(p => p.Name).Order(), map.Parameters.Keys.Order());
            Assert.All(map.Parameters, parameter => Assert.Equal(rename(parameter.Key), parameter.Value.Name));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("aural_fuser.")]
    [InlineData("audio_prompter.")]
    public void The_second_names_of_an_AVS_checkpoint_are_dropped(string prefix)
    {
        var parameters = SparseFiles.Parameters("t").Of(WeightParts.Fuser | WeightParts.Vggish);
        var second = parameters.Called(name => Listed(name, RefLayers)).Called(name => name.Replace("aural_fuser.", prefix));
        var map = Map([.. parameters.Called(Legacy).Called(name => name.Replace("audio_prompter.", prefix)), .. second]);
        Assert.Equal(parameters.Select(p => p.Name).Order(), map.Parameters.Keys.Order());
        Assert.Equal(second.Select(p => p.Name).Order(), map.Dropped.Select(entry => entry.Name).Order());
        Assert.Equal(FuserVariant.Avs, map.Kind.Variant);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("aural_fuser.", false)]
    [InlineData("aural_fuser.", true)]
    public void The_list_of_a_Ref_checkpoint_stands_for_its_names(string prefix, bool both)
    {
        var parameters = SparseFiles.Parameters("t", variant: FuserVariant.Ref).Of(WeightParts.Fuser | WeightParts.Vggish);
        var listed = parameters.Called(name => Listed(name, RefLayers)).Called(name => name.Replace("aural_fuser.", prefix));
        var map = Map(both ? [.. listed, .. parameters] : listed);
        Assert.Equal(parameters.Select(p => p.Name).Order(), map.Parameters.Keys.Order());
        Assert.Equal(both ? listed.Length : 0, map.Dropped.Count);
        Assert.Equal("AuralFuser (Ref) with VGGish", map.Kind.Title);
        string InFile(string name) => both ? name : Listed(name, RefLayers).Replace("aural_fuser.", prefix);
        Assert.All(map.Parameters, parameter => Assert.Equal(InFile(parameter.Key), parameter.Value.Name));
    }

    [Theory]
    [InlineData("train_f_block4.0.norm1.weight")]
    [InlineData("train_f_block0.0.norm1.weight")]
    [InlineData("train_f_block11.0.norm1.weight")]
    [InlineData("train_smooth3.weight")]
    [InlineData("image_encoder_2.weight")]
    [InlineData("head.weight")]
    [InlineData("module.")]
    public void Names_that_no_code_ever_used_stay_as_they_are(string name)
    {
        var map = Map([(name, [2])]);
        Assert.Equal([name], map.Parameters.Keys);
        Assert.Equal(WeightParts.None, map.Kind.Parts);
    }

    [Fact]
    public void Two_names_of_one_parameter_are_refused()
    {
        var error = Assert.Throws<WeightsException>(() => Map([("v_model.no_mem_embed", [1, 1, 256]), ("no_mem_embed", [1, 1, 256])]));
        Assert.Contains("tensors 'v_model.no_mem_embed' and 'no_mem_embed' are both 'no_mem_embed'; leave out one of the two", error.Message);
    }

    [Fact]
    public void A_trunk_of_no_known_size_is_told()
    {
        const string trunk = "image_encoder.trunk.";
        var kind = Map([(trunk + "patch_embed.proj.weight", [80, 3, 7, 7]), (trunk + "blocks.0.norm1.weight", [80])]).Kind;
        Assert.Equal((null, "SAM2 of unknown size"), (kind.Model, kind.Title));
        Assert.Equal("a trunk of 80 channels and 1 blocks is none of t, s, b+, l, mini", kind.Misfit);
    }

    /// <summary>AuralFuser's names before it was split into lists, and before it had its name.</summary>
    internal static string Legacy(string name)
    {
        if (!name.StartsWith("aural_fuser.", StringComparison.Ordinal)) return name;
        name = name.Replace("aural_fuser.", "audio_prompter.");
        return Numbered().Replace(name, match =>
        {
            var stem = match.Groups[1].Value switch
            {
                "patch_embeds" => "train_f_patch_embed",
                "fusion_modules" => "train_f_a_block",
                "f_blocks" => "train_f_block",
                "a_blocks" => "train_a_block",
                _ => "train_smooth",
            };
            return $"audio_prompter.{stem}{match.Groups[2].Value[0] - '0' + 1}.";
        });
    }

    /// <summary>The name in a checkpoint of AuralFuser alone.</summary>
    internal static string Bare(string name) => name.Replace("aural_fuser.", "").Replace("audio_prompter.", "");

    /// <summary>The name in a checkpoint of everything.</summary>
    private static string FullCheckpoint(string name) => KeyMap.PartOf(name) == WeightParts.Sam2 ? "v_model." + name : name;

    private static string Listed(string name, string[] layers)
    {
        name = name["aural_fuser.".Length..];
        if (name.StartsWith("vgg.", StringComparison.Ordinal)) return "aural_fuser.finetuning_layers.0." + name["vgg.".Length..];
        var place = Array.FindIndex(layers, layer => name.StartsWith(layer + ".", StringComparison.Ordinal));
        return $"aural_fuser.training_layers.{place}{name[layers[place].Length..]}";
    }

    [GeneratedRegex(@"^audio_prompter\.(patch_embeds|fusion_modules|f_blocks|a_blocks|smooth_convs)\.(\d)\.")]
    private static partial Regex Numbered();

    private KeyMap Map((string, int[])[] parameters)
    {
        using var file = WeightFile.Open(folder.Safetensors("names.safetensors", parameters));
        return KeyMap.Of(file);
    }
}
