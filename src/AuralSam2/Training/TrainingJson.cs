using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuralSam2.Training;

/// <summary>How settings, positions and lines of the log are written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TrainingSettings))]
[JsonSerializable(typeof(TrainingPosition))]
[JsonSerializable(typeof(LogLine))]
internal sealed partial class TrainingJson : JsonSerializerContext;
