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

    public Fixture(string path)
    {
        File = SafetensorsFile.Open(path);
        Kind = Metadata("kind");
        Model = Metadata("model");
        Seed = Metadata("seed");
        Note = Metadata("note");
        shapes = File.Metadata.TryGetValue("shapes", out var json) ? JsonSerializer.Deserialize<Dictionary<string, int[]>>(json) ?? [] : [];
    }

    public SafetensorsFile File { get; }

    public string Kind { get; }

    public string Model { get; }

    public string Seed { get; }

    public string Note { get; }

    /// <summary>Names of all stages, without the suffixes of sampling.</summary>
    public IEnumerable<string> Stages => File.Tensors.Keys.Where(n => !n.EndsWith("@stats", StringComparison.Ordinal)).Select(n => n.Replace("@sample", "", StringComparison.Ordinal));

    /// <summary>A metadata value, or nothing.</summary>
    public string Metadata(string key) => File.Metadata.TryGetValue(key, out var value) ? value : "";

    /// <summary>The original shape of a stage.</summary>
    public int[] ShapeOf(string stage) => shapes.TryGetValue(stage, out var shape) ? shape : [.. File.Tensors[stage].Shape];

    /// <summary>Weights by the rule, with the fixture's seed.</summary>
    public RuleWeights Weights() => new(Seed);

    /// <summary>An input by the rule, in the order in which fixtures store it.</summary>
    public float[] Input(string name, double scale, long count, double offset = 0)
    {
        var values = new float[count];
        RuleTensor.Fill(Seed, name, offset, scale, values);
        return values;
    }

    /// <summary>An image input of one or more frames, turned channel-last: <c>[frames, size, size, 3]</c>.</summary>
    /// <param name="name">Name by the rule.</param>
    /// <param name="scale">Scale by the rule.</param>
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
    /// <exception cref="WeightsException">A model that is not known.</exception>
    public Sam2Config Sam2()
    {
        var match = ModelName().Match(Model);
        if (!match.Success) throw new WeightsException($"{File.Path}: no model '{Model}' is known; it is not a fixture of this engine's models");
        var named = Sam2Config.Named(match.Groups["size"].Value, match.Groups["minor"].Success ? Sam2Version.V21 : Sam2Version.V20);
        if (Metadata("config") is not { Length: > 0 } text) return named;
        using var document = JsonDocument.Parse(text);
        var root = document.RootElement;
        var trunk = root.GetProperty("image_encoder").GetProperty("trunk");
        return named with
        {
            Version = root.TryGetProperty("no_obj_embed_spatial", out var flag) && flag.ValueKind == JsonValueKind.True ? Sam2Version.V21 : Sam2Version.V20,
            ImageSize = root.GetProperty("image_size").GetInt32(),
            MemoryLayers = root.GetProperty("memory_attention").GetProperty("num_layers").GetInt32(),
            Trunk = new HieraConfig(
                Number(trunk, "embed_dim", 96), Number(trunk, "num_heads", 1), Numbers(trunk, "stages", [2, 3, 16, 3]), Numbers(trunk, "global_att_blocks", [12, 16, 20]),
                Numbers(trunk, "window_spec", [8, 4, 14, 7]), Numbers(trunk, "window_pos_embed_bkg_spatial_size", [14, 14])[0]),
        };
    }

    /// <summary>A number that follows <paramref name="words"/> in the note.</summary>
    public double? FromNote(string words) =>
        Regex.Match(Note, Regex.Escape(words) + @"\s*([0-9.]+)") is { Success: true } match ? double.Parse(match.Groups[1].Value.TrimEnd('.'), CultureInfo.InvariantCulture) : null;

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private static int Number(JsonElement element, string name, int otherwise) => element.TryGetProperty(name, out var value) ? value.GetInt32() : otherwise;

    private static int[] Numbers(JsonElement element, string name, int[] otherwise) =>
        element.TryGetProperty(name, out var value) ? [.. value.EnumerateArray().Select(v => v.GetInt32())] : otherwise;

    [GeneratedRegex(@"^sam2(?<minor>\.1)?_(hiera_)?(?<size>t|s|b\+|l|mini)(?![a-z0-9])")]
    private static partial Regex ModelName();
}
