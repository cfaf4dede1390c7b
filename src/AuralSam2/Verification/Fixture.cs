using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuralSam2.Kernels;
using AuralSam2.Models.Sam2;
using AuralSam2.Weights;

namespace AuralSam2.Verification;

/// <summary>A fixture file and what its metadata says: which model with which seed, and how its inputs are made.</summary>
internal sealed partial class Fixture : IDisposable
{
    private readonly Dictionary<string, int[]> shapes;
    private readonly string inputs;

    public Fixture(string path)
    {
        File = SafetensorsFile.Open(path);
        try
        {
            (Kind, Model, Seed, Note) = (Metadata("kind"), Metadata("model"), Metadata("seed"), Metadata("note"));
            shapes = Metadata("shapes") is { Length: > 0 } json ? JsonSerializer.Deserialize<Dictionary<string, int[]>>(json) ?? [] : [];
            inputs = string.Join("; ", File.Metadata
                .Where(m => m.Key == "note" || m.Key.StartsWith("input", StringComparison.Ordinal))
                .Select(m => $"{m.Key} {m.Value}"));
        }
        catch (JsonException error)
        {
            File.Dispose();
            throw new WeightsException($"{path}: its metadata 'shapes' is not a table of shapes ({error.Message}); export it again", error);
        }
    }

    public SafetensorsFile File { get; }

    public string Kind { get; }

    public string Model { get; }

    public string Seed { get; }

    public string Note { get; }

    /// <summary>Names of all stages, without the suffixes of sampling.</summary>
    public IEnumerable<string> Stages => File.Tensors.Keys
        .Where(n => !n.EndsWith("@stats", StringComparison.Ordinal))
        .Select(n => n.Replace("@sample", "", StringComparison.Ordinal));

    /// <summary>A metadata value, or nothing.</summary>
    public string Metadata(string key) => File.Metadata.TryGetValue(key, out var value) ? value : "";

    /// <summary>The original shape of a stage.</summary>
    /// <exception cref="WeightsException">The fixture does not tell.</exception>
    public int[] ShapeOf(string stage) =>
        RecordedShape(stage) ?? throw new WeightsException(
            $"{File.Path}: stage '{stage}' is missing, or sampled without its shape in the metadata 'shapes'");

    /// <summary>The original shape of a stage; null when the stage is missing, or only sampled and its shape not noted.</summary>
    public int[]? RecordedShape(string stage) =>
        shapes.TryGetValue(stage, out var shape) ? shape : File.Tensors.TryGetValue(stage, out var entry) ? [.. entry.Shape] : null;

    /// <summary>Weights by the rule, with the fixture's seed.</summary>
    public RuleWeights Weights() => new(Seed);

    /// <summary>An input by the rule, in the order in which fixtures store it.</summary>
    /// <param name="name">Name by the rule.</param>
    /// <param name="scale">Its scale, unless the fixture tells another.</param>
    /// <param name="count">Elements.</param>
    public float[] Input(string name, double scale, long count)
    {
        var values = new float[count];
        RuleTensor.Fill(Seed, name, Told(name, "offset") ?? 0, Told(name, "scale") ?? scale, values);
        return values;
    }

    /// <summary>Whether note or inputs mention a name.</summary>
    public bool Mentions(string name) => inputs.Contains(name, StringComparison.Ordinal);

    /// <summary>The first match in note and inputs.</summary>
    public Match Find(Regex pattern) => pattern.Match(inputs);

    /// <summary>An image input of one or more frames, turned channel-last: <c>[frames, size, size, 3]</c>.</summary>
    /// <param name="name">Name by the rule.</param>
    /// <param name="scale">As for <see cref="Input"/>.</param>
    /// <param name="frames">Frames.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="size">Edge of a frame.</param>
    public float[] Map(string name, double scale, int frames, int channels, int size)
    {
        var stored = Input(name, scale, (long)frames * channels * size * size);
        var turned = new float[stored.Length];
        var cells = size * size;
        for (var t = 0; t < frames; t++)
            for (var c = 0; c < channels; c++)
                for (var p = 0; p < cells; p++) turned[(((t * cells) + p) * channels) + c] = stored[(((t * channels) + c) * cells) + p];
        return turned;
    }

    /// <summary>SAM2's configuration, from the fixture's own where it has one, otherwise from the model's name.</summary>
    /// <exception cref="WeightsException">A model that is not known, or a configuration that cannot be read.</exception>
    public Sam2Config Sam2()
    {
        var match = ModelName().Match(Model);
        var text = Metadata("config");
        if (!match.Success && text.Length == 0)
            throw new WeightsException($"{File.Path}: no model '{Model}' is known, and the fixture has no 'config' that describes it");
        var named = Sam2Config.Named(
            match.Success ? OwnName(match.Groups["size"].Value) : "mini",
            match.Groups["minor"].Success ? Sam2Version.V21 : Sam2Version.V20);
        try
        {
            var config = text.Length > 0 ? Configured(named, text) : named;
            if (Find(ImageShape()) is { Success: true } told)
                config = config with { ImageSize = int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture) };
            else if (text.Length == 0 && StoredGrid() is { } grid) config = config with { ImageSize = 16 * grid };
            if (config.ImageSize < 64 || config.ImageSize % 32 != 0)
                throw new WeightsException($"{File.Path}: image size {config.ImageSize}: models take multiples of 32, at least 64");
            return config;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new WeightsException($"{File.Path}: its metadata 'config' is not a configuration of SAM2 ({error.Message})", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private static Sam2Config Configured(Sam2Config named, string text)
    {
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        var trunk = root.GetProperty("image_encoder").GetProperty("trunk");
        return named with
        {
            Version = Flag(root, "no_obj_embed_spatial", false) ? Sam2Version.V21 : Sam2Version.V20,
            ImageSize = Number(root, "image_size", named.ImageSize),
            MemoryLayers = root.GetProperty("memory_attention").GetProperty("num_layers").GetInt32(),
            OnlyPastPointers = Flag(root, "only_obj_ptrs_in_the_past_for_eval", false),
            Trunk = new HieraConfig(
                Number(trunk, "embed_dim", 96), Number(trunk, "num_heads", 1),
                Numbers(trunk, "stages", [2, 3, 16, 3]), Numbers(trunk, "global_att_blocks", [12, 16, 20]),
                Numbers(trunk, "window_spec", [8, 4, 14, 7]), Numbers(trunk, "window_pos_embed_bkg_spatial_size", [14, 14])[0]),
        };
    }

    /// <summary>The number that follows an input's name and a word: <c>input.video scale2</c>, <c>input.fpn.{0,1,2} scale 1</c>.</summary>
    private double? Told(string name, string word)
    {
        var family = char.IsAsciiDigit(name[^1]) ? name[..name.LastIndexOf('.')] : name;
        var match = Regex.Match(
            inputs, Regex.Escape(family) + @"(?![\w])(?:(?!\binput\.|;).)*?\b" + word + @"\s*[=:]?\s*(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)",
            RegexOptions.Singleline);
        return match.Success ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Edge of the stride-16 map, from a stage that has it.</summary>
    private int? StoredGrid() => ((string[])["fpn.2", "dense_pe", "image_embed_plus_no_mem", "memenc.features", "cond0.frame0.maskmem_features"])
        .Select(RecordedShape).FirstOrDefault(s => s is not null)?[^1];

    private static string OwnName(string size) => size switch
    {
        "tiny" => "t",
        "small" => "s",
        "base_plus" or "bplus" => "b+",
        "large" => "l",
        _ => size,
    };

    private static bool Flag(JsonElement element, string name, bool otherwise) =>
        element.TryGetProperty(name, out var value) ? value.GetBoolean() : otherwise;

    private static int Number(JsonElement element, string name, int otherwise) =>
        element.TryGetProperty(name, out var value) ? value.GetInt32() : otherwise;

    private static int[] Numbers(JsonElement element, string name, int[] otherwise) =>
        element.TryGetProperty(name, out var value) ? [.. value.EnumerateArray().Select(v => v.GetInt32())] : otherwise;

    [GeneratedRegex(@"^sam2(?<minor>\.1)?_(hiera_)?(?<size>tiny|t|small|s|base_plus|bplus|b\+|large|l|mini)(?![a-z0-9])")]
    private static partial Regex ModelName();

    [GeneratedRegex(@"input\.(?:image|video)\s*[(\[][^)\]]*?,\s*(\d+)\s*[)\]]")]
    private static partial Regex ImageShape();
}
