using System.Text.Json.Serialization;
using AuralSam2.Weights;
using AuralSam2.Weights.Torch;

namespace AuralSam2.Cli;

/// <summary>What <c>aural inspect --json</c> prints.</summary>
/// <param name="Tool">aural.</param>
/// <param name="Version">Its version.</param>
/// <param name="File">The file.</param>
/// <param name="Format">How it is laid out.</param>
/// <param name="Is">What it is, in words.</param>
/// <param name="Parts">Parts of the model that it has.</param>
/// <param name="Model">Size of SAM2; null where there is none, or none that is known.</param>
/// <param name="Release">2.0 or 2.1; null without SAM2.</param>
/// <param name="Variant">avs or ref; null without AuralFuser.</param>
/// <param name="Misfit">Why the tensors make no model; null if they do, as far as they go.</param>
/// <param name="Bytes">Of the file.</param>
/// <param name="TensorBytes">Of all tensors together.</param>
/// <param name="Parameters">Numbers in the tensors that are used.</param>
/// <param name="CutShort">What a file that was cut short lacks first; null for a whole one.</param>
/// <param name="Location">Path to the weights within a checkpoint, such as model.</param>
/// <param name="Ignored">What else the checkpoint holds, such as the state of an optimizer.</param>
/// <param name="Metadata">Of a safetensors file.</param>
/// <param name="Tensors">Every tensor, in the order of the file.</param>
internal sealed record InspectDocument(
    string Tool,
    string Version,
    string File,
    string Format,
    string Is,
    IReadOnlyList<string> Parts,
    string? Model,
    string? Release,
    string? Variant,
    string? Misfit,
    long Bytes,
    long TensorBytes,
    long Parameters,
    string? CutShort,
    string Location,
    IReadOnlyList<string> Ignored,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<InspectDocument.Tensor> Tensors)
{
    /// <summary>Describes an open file.</summary>
    public static InspectDocument Of(WeightFile file)
    {
        var (kind, used, conflict) = Recognise(file);
        var official = used.ToDictionary(parameter => parameter.Value.Name, parameter => parameter.Key);
        return new InspectDocument(
            "aural", AuralCommand.Version, file.Path, file.Format.Title(), kind.Title,
            [.. Enum.GetValues<WeightParts>().Where(p => p != WeightParts.None && kind.Parts.HasFlag(p)).Select(p => p.ToString().ToLowerInvariant())],
            kind.Model,
            kind.Version is { } version ? version == Models.Sam2.Sam2Version.V21 ? "2.1" : "2.0" : null,
            kind.Variant?.ToString().ToLowerInvariant(),
            conflict ?? kind.Misfit,
            file.FileLength,
            file.Entries.Sum(entry => entry.ByteLength),
            used.Sum(parameter => parameter.Value.Elements),
            file.CutShort,
            (file as TorchCheckpoint)?.Location ?? "",
            [.. (file as TorchCheckpoint)?.Ignored ?? []],
            (file as SafetensorsFile)?.Metadata ?? new Dictionary<string, string>(),
            [.. file.Entries.Select(entry => Tensor.Of(entry, official.GetValueOrDefault(entry.Name)))]);
    }

    /// <summary>A file whose names contradict each other is listed all the same.</summary>
    private static (CheckpointKind Kind, IReadOnlyDictionary<string, WeightEntry> Used, string? Conflict) Recognise(WeightFile file)
    {
        try
        {
            var map = KeyMap.Of(file);
            return (map.Kind, map.Parameters, null);
        }
        catch (WeightsException conflict)
        {
            var none = new CheckpointKind(WeightParts.None, null, null, null, null);
            return (none, file.Entries.ToDictionary(entry => entry.Name), conflict.Message);
        }
    }

    /// <summary>One tensor.</summary>
    /// <param name="Name">As the file spells it.</param>
    /// <param name="Parameter">The official name of the parameter that it is; null for a tensor that no model needs.</param>
    /// <param name="Dtype">Element type.</param>
    /// <param name="Shape">Dimensions, outermost first.</param>
    /// <param name="Elements">Product of the dimensions.</param>
    /// <param name="Bytes">Of its elements.</param>
    internal sealed record Tensor(
        string Name, string? Parameter, string Dtype, [property: JsonConverter(typeof(OneLineBox))] int[] Shape, long Elements, long Bytes)
    {
        /// <summary>Whether a model may need it.</summary>
        [JsonIgnore]
        public bool Used => Parameter is not null;

        internal static Tensor Of(WeightEntry entry, string? parameter) =>
            new(entry.Name, parameter, entry.DType.Tag(), [.. entry.Shape], entry.Elements, entry.ByteLength);
    }
}
