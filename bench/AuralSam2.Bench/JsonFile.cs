using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuralSam2.Bench;

/// <summary>How measurements are written for programs: snake_case, and what was not measured is absent.</summary>
internal static class JsonFile
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // labels hold "->"
        WriteIndented = true,
    };

    /// <summary>Writes a document; null writes nothing.</summary>
    public static void Write<T>(FileInfo? file, T document)
    {
        if (file is not null) File.WriteAllText(file.FullName, JsonSerializer.Serialize(document, Options) + "\n");
    }

    /// <summary>Reads a document that a step of a check may have written: null where it did not, or was stopped while it wrote.</summary>
    public static T? Read<T>(string path)
        where T : class
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<T>(File.ReadAllText(path), Options) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>JSON knows no infinity.</summary>
    public static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
